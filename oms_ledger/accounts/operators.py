"""Operators: who may sign in to the back office. Each has a stream of the deployment.

The rows of `operators` are filled from them. Roles are of accounts (`members`).
"""

from dataclasses import dataclass, field, replace

CATEGORY = "operator"
DEPLOYMENT = "-"
"""Stands where a stream names its account, for what is of no account; none can be called so."""


@dataclass(frozen=True, slots=True)
class OperatorState:
    """What a row of `operators` says, but for how the person likes the pages to look."""

    id: str
    email: str
    name: str
    password_hash: str | None
    deployment: bool
    created_at: int
    disabled_at: int | None = None
    second_factor: str | None = None
    """The secret of the codes, in base 32; None where the password alone opens."""


@dataclass(frozen=True, slots=True)
class OperatorCreated:
    """A person may sign in, without a password by a link; `deployment` as it is granted."""

    deployment: bool
    email: str = field(default="", metadata={"personal": True})
    name: str = field(default="", metadata={"personal": True})
    password_hash: str | None = field(default=None, metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class OperatorImported:
    """As the row stood before operators were recorded."""

    deployment: bool
    created_at: int
    disabled_at: int | None
    email: str = field(default="", metadata={"personal": True})
    name: str = field(default="", metadata={"personal": True})
    password_hash: str | None = field(default=None, metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class OperatorRenamed:
    """The person is shown by another name."""

    name: str = field(default="", metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class OperatorPasswordSet:
    """By the person; or `rehashed` when one signs in whose hash is of former parameters."""

    rehashed: bool = False
    password_hash: str | None = field(default=None, metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class OperatorPasswordReset:
    """A link was made by which the person sets another password."""


@dataclass(frozen=True, slots=True)
class OperatorSecondFactorSet:
    """Signing in takes a code of this secret (base 32) from now on."""

    secret: str = field(default="", metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class OperatorSecondFactorRemoved:
    """By the person, or by an administrator when the device is lost: the actor says by whom."""


@dataclass(frozen=True, slots=True)
class OperatorDeploymentGranted:
    """The person may look after the whole deployment."""


@dataclass(frozen=True, slots=True)
class OperatorDisabled:
    """The person may not sign in any more, and every session ended."""


@dataclass(frozen=True, slots=True)
class OperatorEnabled:
    """The person who was disabled may sign in again."""


@dataclass(frozen=True, slots=True)
class OperatorSignedIn:
    """`known_browser`: one in which the person signed in before.

    `session` names the session that began, by a digest; empty in events of before there was one.
    """

    known_browser: bool
    session: str = ""


@dataclass(frozen=True, slots=True)
class OperatorSignInRefused:
    """A wrong password, or any password of somebody who is shut out.

    `second_factor`: the password was right, and the code after it was not.
    """

    known_browser: bool
    second_factor: bool = False


OperatorEvent = (
    OperatorCreated
    | OperatorImported
    | OperatorRenamed
    | OperatorPasswordSet
    | OperatorPasswordReset
    | OperatorSecondFactorSet
    | OperatorSecondFactorRemoved
    | OperatorDeploymentGranted
    | OperatorDisabled
    | OperatorEnabled
    | OperatorSignedIn
    | OperatorSignInRefused
)


def stream_of(operator_id: str) -> str:
    """The stream of an operator, which belongs to the deployment: `-/operator/{id}`."""
    return f"{DEPLOYMENT}/{CATEGORY}/{operator_id}"


def evolve_operator(
    before: OperatorState | None, event: OperatorEvent, operator_id: str, at: int
) -> OperatorState:
    """The operator after an event that was recorded at an instant in microseconds."""
    match event:
        case OperatorCreated(deployment, email, name, password_hash):
            return OperatorState(operator_id, email, name, password_hash, deployment, at)
        case OperatorImported(deployment, created_at, disabled_at, email, name, password_hash):
            return OperatorState(
                operator_id, email, name, password_hash, deployment, created_at, disabled_at
            )
    assert before is not None, "an operator's first event is OperatorCreated"
    match event:
        case OperatorRenamed(name):
            return replace(before, name=name)
        case OperatorPasswordSet(password_hash=password_hash):
            return replace(before, password_hash=password_hash)
        case OperatorSecondFactorSet(secret):
            return replace(before, second_factor=secret)
        case OperatorSecondFactorRemoved():
            return replace(before, second_factor=None)
        case OperatorDeploymentGranted():
            return replace(before, deployment=True)
        case OperatorDisabled():
            return replace(before, disabled_at=at)
        case OperatorEnabled():
            return replace(before, disabled_at=None)
    return before  # who came, and who was refused, changes nothing
