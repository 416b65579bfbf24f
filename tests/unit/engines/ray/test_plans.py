"""What is the same model for two gateways, and what is not."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from loquent.domain.deployments import Replicas
from loquent.engines.host.performers import EngineSpec
from loquent.engines.ray.plans import ModelPlan, Share, Trade, plan_of

SPEC = EngineSpec(
    "whisper-base@float32", "whisper_ct2", Path("/models/a"), {"n_threads": 0, "device": "cpu"}
)
PLAN = plan_of(SPEC, Trade.LISTENING, Share())


def test_gateways_with_other_folders_share_a_model() -> None:
    assert replace(PLAN, folder="/elsewhere").name == PLAN.name


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAN, options={**PLAN.options, "beam_size": 1}),
        replace(PLAN, max_batch=4),
        replace(PLAN, most=2),
        replace(PLAN, n_gpus=0.5),
        replace(PLAN, deployment="acme"),
        replace(PLAN, model_id="whisper-base"),
    ],
)
def test_whatever_else_differs_is_another_model(other: ModelPlan) -> None:
    assert other.name != PLAN.name


def test_the_order_of_options_makes_no_difference() -> None:
    turned = dict(reversed(list(PLAN.options.items())))
    assert replace(PLAN, options=turned).name == PLAN.name


def test_a_name_holds_whose_it_is_and_what_in_letters_that_any_system_takes() -> None:
    name = replace(PLAN, deployment="acme", model_id="Org/Big_Model@float32").name
    assert name.startswith("loquent-acme-org-big-model-float32-")
    assert name.replace("-", "").isalnum()
    assert len(replace(PLAN, model_id="x" * 500).name) < 80


def test_a_plan_survives_the_way_as_text() -> None:
    assert ModelPlan.from_json(PLAN.to_json()) == PLAN


def test_what_is_not_a_plan_is_refused() -> None:
    with pytest.raises(ValidationError):
        ModelPlan.from_json('{"trade": "listening", "model_id": "m"}')


def test_all_cores_means_one_for_each_copy() -> None:
    assert PLAN.options["n_threads"] == 1
    assert PLAN.n_cpus == 1.0


def test_a_copy_reserves_the_cores_of_its_threads() -> None:
    spec = replace(SPEC, options={"n_threads": 4})
    assert plan_of(spec, Trade.LISTENING, Share()).n_cpus == 4.0


def test_two_models_that_do_not_listen_fit_beside_one_that_does() -> None:
    spec = replace(SPEC, options={})
    speaking, analysing = (
        plan_of(spec, trade, Share()) for trade in (Trade.SPEAKING, Trade.ANALYSING)
    )
    assert speaking.n_cpus + analysing.n_cpus <= PLAN.n_cpus
    assert "n_threads" not in speaking.options
    assert analysing.options["n_workers"] == 1


def test_only_models_on_a_gpu_take_their_part_of_it() -> None:
    share = Share(Replicas(1, 3), n_gpus=0.5)
    on_gpu = plan_of(replace(SPEC, options={"device": "cuda"}), Trade.LISTENING, share)
    assert on_gpu.n_gpus == 0.5
    assert (on_gpu.least, on_gpu.most) == (1, 3)
    assert plan_of(SPEC, Trade.LISTENING, share).n_gpus == 0.0
