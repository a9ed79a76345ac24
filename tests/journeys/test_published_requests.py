"""Published request examples, sent as they stand: accepted, or refused for what they ask for."""

from tests.published.conformance import operations


def example(operation):
    return operations()[operation].requests[0]


def test_the_published_expression_is_tried_though_it_is_escaped_twice(client):
    url = "/api/orders/expressions/jsonata"
    answer = client.call("POST", url, example(f"POST {url}"))
    assert (answer.status, answer.json()) == (200, True)


def test_a_document_that_is_none_is_still_refused(client):
    asked = {"Expression": "status", "Document": '{\\"status\\": '}
    assert client.call("POST", "/api/orders/expressions/jsonata", asked).status == 400
