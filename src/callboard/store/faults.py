"""The driver's errors as ours, in one readable sentence."""

from pymongo.errors import OperationFailure, PyMongoError

from callboard.errors import StoreUnavailable

__all__ = ["unavailable"]


def unavailable(error: PyMongoError) -> StoreUnavailable:
    """Return what a driver error means to callers: MongoDB cannot be used right now."""
    if isinstance(error, OperationFailure) and error.details:
        return StoreUnavailable(str(error.details.get("errmsg", error)))
    return StoreUnavailable(str(error).partition(", Timeout:")[0])
