"""The tables of transitions of jobs and commitments."""

from __future__ import annotations

from enum import StrEnum

from makegood.kernel.states import States


class JobState(StrEnum):
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class CommitmentState(StrEnum):
    STANDING = "standing"
    BROKEN = "broken"
    OVER = "over"


OPEN_JOB = (JobState.QUEUED, JobState.PROCESSING)

JOB = States(
    "job",
    {
        # To queued: the next try.
        JobState.QUEUED: [JobState.QUEUED, JobState.PROCESSING, JobState.FAILED, JobState.CANCELLED],
        JobState.PROCESSING: [
            JobState.PROCESSING,
            JobState.QUEUED,
            JobState.COMPLETED,
            JobState.FAILED,
            JobState.CANCELLED,
        ],
    },
)

COMMITMENT = States(
    "commitment",
    {CommitmentState.STANDING: [CommitmentState.BROKEN, CommitmentState.OVER]},
)
