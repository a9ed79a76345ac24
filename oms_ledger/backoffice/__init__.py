"""The back office in the browser: pages made of the API's own answers.

It is given the API application and asks it in process, as the signed-in person. So permissions,
masking, refusals and idempotency are the API's, and a page can do what an integration can.
"""
