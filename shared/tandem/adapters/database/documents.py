"""Values that are kept as JSON text in one column."""

import json
from typing import Any

from pydantic import TypeAdapter

from tandem.domain.definition import UrlCase
from tandem.domain.experiment_run import RunPlan
from tandem.domain.gate import GateFigures
from tandem.domain.generator_health import GeneratorHealth
from tandem.domain.load_part import LoadPart
from tandem.domain.preflight_report import PreflightReport
from tandem.domain.strategy import Slo

URL_CASE: TypeAdapter[UrlCase | None] = TypeAdapter(UrlCase | None, config={"defer_build": True})
SLO: TypeAdapter[Slo | None] = TypeAdapter(Slo | None, config={"defer_build": True})
RUN_PLAN: TypeAdapter[RunPlan | None] = TypeAdapter(RunPlan | None, config={"defer_build": True})
LOAD_PARTS: TypeAdapter[list[LoadPart]] = TypeAdapter(list[LoadPart], config={"defer_build": True})
PREFLIGHT: TypeAdapter[PreflightReport | None] = TypeAdapter(PreflightReport | None, config={"defer_build": True})
GATE_FIGURES: TypeAdapter[GateFigures | None] = TypeAdapter(GateFigures | None, config={"defer_build": True})
GENERATORS: TypeAdapter[dict[str, GeneratorHealth]] = TypeAdapter(
    dict[str, GeneratorHealth], config={"defer_build": True}
)


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
