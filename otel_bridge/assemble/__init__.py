"""Runs out of observations: parents, late and duplicate spans, lost runs. Pure; the caller has the clock."""

from otel_bridge.assemble.assembler import COUNTED, Assembler
from otel_bridge.assemble.records import MemoryRecords, Record, Records

__all__ = ["COUNTED", "Assembler", "MemoryRecords", "Record", "Records"]
