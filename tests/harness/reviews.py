"""Reviews as an intake hands them to quota, and what a reviewer does over HTTP."""
import time

from .edge import messages

STATUS = {"count": 2, "reject": 3, "revoke": 5}


def review(submission, act, token, reason="Đã xem xét", seen=0, expires_s=60):
    """A ReviewRequested; `submission` and `token` are uuid.UUID."""
    return messages("submission").ReviewRequested(
        id=submission.bytes, token=token.bytes, status=STATUS[act], reason=reason.encode(), seen=seen,
        expires_at=int((time.time() + expires_s) * 1e6)).SerializeToString()


def outcome(result):
    """(outcome's word, revision, status) of a result in an acknowledgement."""
    message = messages("submission")
    taken = message.ReviewTaken.FromString(result)
    word = message.ReviewOutcome.Name(taken.outcome).removeprefix("REVIEW_OUTCOME_").lower()
    return word, taken.revision, taken.status
