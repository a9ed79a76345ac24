"""Who a customer is: an identity is what the server gave, never what a client wrote (G63).

Each e-mail of an account has one profile, derived from both. A profile that a body names counts
only where a back end vouches for it: a key with `Place Orders`. Two e-mails are one person when
such a key, or an import, gave them one profile.
"""

import uuid

from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.orders.documents.search_terms import mailbox
from oms_ledger.orders.parts import Json

LONGEST_PROFILE = 100  # characters of a profile id that a back end gives


def profile_id(encryption: Encryption, account: str, email: str) -> str:
    """Return the profile of an e-mail in an account: always the same one."""
    return str(uuid.UUID(encryption.sign(f"profile:{account}:{mailbox(email)}")))


def with_identity(encryption: Encryption, account: str, profile: Json, *, vouched: bool) -> Json:
    """Return a client profile, whole or in part, with the profile id that counts here.

    `vouched` says whether the caller may name profiles. A part without e-mail, and without a
    profile that counts, says nothing about whose the order is.
    """
    sent, email = profile.get("userProfileId"), profile.get("email")
    if vouched and isinstance(sent, str) and 0 < len(sent) <= LONGEST_PROFILE:
        return profile
    rest = {name: value for name, value in profile.items() if name != "userProfileId"}
    if not isinstance(email, str) or not email.strip():
        return rest
    return {**rest, "userProfileId": profile_id(encryption, account, email)}


def body_with_identity(encryption: Encryption, account: str, body: Json, *, vouched: bool) -> Json:
    """Return a placement's body with the identity that counts; one without profile as it is."""
    profile = body.get("clientProfileData")
    if not isinstance(profile, dict):
        return body
    return {
        **body,
        "clientProfileData": with_identity(encryption, account, profile, vouched=vouched),
    }


def mailbox_hash(encryption: Encryption, account: str, email: str) -> str:
    """Return what stands for an e-mail where it may not be read from."""
    return encryption.sign(f"mailbox:{account}:{mailbox(email)}")
