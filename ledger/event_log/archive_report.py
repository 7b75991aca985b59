"""What an export tells of itself."""

import msgspec

__all__ = ["ExportFinding", "ExportReport"]


class ExportFinding(msgspec.Struct, frozen=True, kw_only=True):
    """Where a partition could not be exported further, and why."""

    lane: str
    partition: int
    offset: int
    code: str
    detail: str


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an export wrote, and what the folder holds now. ``findings`` are what the log lacks."""

    controller: str
    log_id: str
    generation: int
    files: int
    records: int
    written_files: int
    written_records: int
    size: int
    complete: bool
    not_exported: tuple[str, ...]
    findings: tuple[ExportFinding, ...]
