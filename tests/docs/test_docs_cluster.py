"""The recipes of docs/cluster.md: run where that needs no SLURM, and held to what dask itself reads."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

pytest.importorskip("distributed", reason="dask.distributed is not installed")

from distributed.cli import dask_scheduler, dask_worker

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "cluster.md").read_text()
COMMANDS = {"worker": dask_worker.main, "scheduler": dask_scheduler.main}
WHERE = "/operator/customresources/templates.yaml"
HERE = """
import dask_jobqueue
from dask_jobqueue.local import LocalCluster

class Here(LocalCluster):  # the same jobs, as processes instead of through sbatch
    def __init__(self, queue, walltime, job_script_prologue, **rest):
        super().__init__(scheduler_options={"host": "127.0.0.1"}, **rest)

dask_jobqueue.SLURMCluster = Here
"""


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return str(found)


def manifest() -> dict[str, Any]:
    return dict(yaml.safe_load(block("yaml")))


def test_the_commands_in_the_manifest_are_what_dask_takes() -> None:
    spec = manifest()["spec"]
    for part in ("worker", "scheduler"):
        (container,) = spec[part]["spec"]["containers"]
        program, name, *arguments = container["command"]
        assert (program, name, container["name"]) == ("dask", part, part)
        command = COMMANDS[part]
        command.make_context(name, [*arguments, *(["tcp://x:1"] if part == "worker" else [])])


def test_the_service_finds_its_scheduler_and_the_search_the_service() -> None:
    told = manifest()
    name, scheduler = told["metadata"]["name"], told["spec"]["scheduler"]
    assert scheduler["service"]["selector"] == {
        "dask.org/cluster-name": name, "dask.org/component": "scheduler",
    }  # fmt: skip
    (container,) = scheduler["spec"]["containers"]
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert {one["targetPort"]: one["port"] for one in scheduler["service"]["ports"]} == ports
    assert f"--cluster tcp://{name}-scheduler:{ports['tcp-comm']}" in DOCUMENT
    images = {
        one["image"]
        for part in ("worker", "scheduler")
        for one in told["spec"][part]["spec"]["containers"]
    }
    assert len(images) == 1 and f"-t {images.pop()} " in DOCUMENT


def test_the_manifest_is_what_the_operator_takes() -> None:
    found = importlib.util.find_spec("dask_kubernetes")
    if found is None or found.origin is None:
        pytest.skip("dask-kubernetes is not installed")
    file = Path(found.origin).parent / "operator" / "customresources" / "templates.yaml"
    ours = yaml.safe_load(file.read_text())

    def resource(uri: str) -> Resource[Any]:  # what is Kubernetes' own is not looked at here
        told = ours if "dask_kubernetes" in uri else {"definitions": defaultdict(dict)}
        return Resource(contents=told, specification=DRAFT202012)

    schema = {"$ref": f"python://dask_kubernetes{WHERE}#/definitions/dask.k8s.api.v1.DaskCluster"}
    reads = jsonschema.Draft202012Validator(schema, registry=Registry(retrieve=resource))
    assert [error.message for error in reads.iter_errors(manifest())] == []
    wrong = manifest()
    del wrong["spec"]["scheduler"]["service"]
    assert [error.message for error in reads.iter_errors(wrong)] != []


def closed(schema: Any) -> Any:
    """``schema`` of a resource, as an API server takes it that is strict: nothing that it does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: closed(one) for name, one in schema.items()}
    free = "additionalProperties" in told or told.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(told.get("properties"), dict) and "type" in told and not free:
        told["additionalProperties"] = False
    if told.pop("x-kubernetes-int-or-string", False):
        told["type"] = ["integer", "string"]
    return told


def test_an_api_server_that_is_strict_takes_the_manifest_whole() -> None:
    """By the definition of the resource that the operator installs, which has pods and services in full."""
    found = importlib.util.find_spec("dask_kubernetes")
    if found is None or found.origin is None:
        pytest.skip("dask-kubernetes is not installed")
    (file,) = (Path(found.origin).parent / "operator" / "deployment").rglob("crds/daskcluster.yaml")
    definition = yaml.safe_load(file.read_text())["spec"]
    told = manifest()
    assert told["kind"] == definition["names"]["kind"]
    (version,) = definition["versions"]
    assert told["apiVersion"] == f"{definition['group']}/{version['name']}"
    whole = version["schema"]["openAPIV3Schema"]
    resource = {"spec": told["spec"]}
    reads = jsonschema.Draft202012Validator(closed(whole))
    assert [error.message for error in reads.iter_errors(resource)] == []
    for part, wrong in (("worker", "replica"), ("scheduler", "services")):
        spec = {**told["spec"], part: {**told["spec"][part], wrong: 1}}
        assert [error.message for error in reads.iter_errors({"spec": spec})] != []
    told["spec"]["worker"]["spec"]["containers"][0]["comand"] = []
    assert [error.message for error in reads.iter_errors(resource)] != []


@pytest.mark.slow
def test_the_recipe_for_batch_systems_searches_with_the_jobs_that_it_submits(
    tmp_path: Path,
) -> None:
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    (program,) = [
        one for one in re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL) if "SLURM" in one
    ]
    text = program.replace("20_000", "24").replace("jobs=64", "jobs=2")
    (tmp_path / "storms.py").write_text(HERE + text)
    done = subprocess.run(
        [sys.executable, "storms.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["safe 24"], done.stdout + done.stderr


def test_what_would_be_submitted_is_a_worker_of_one_thread() -> None:
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    from dask_jobqueue.slurm import SLURMJob

    job = SLURMJob(
        "tcp://127.0.0.1:1", "one", queue="batch", cores=1, processes=1, memory="2GB",
        walltime="02:00:00", job_script_prologue=["source ~/storms/bin/activate"],
    )  # fmt: skip
    lines = job.job_script().splitlines()
    assert "#SBATCH -t 02:00:00" in lines
    assert lines.index("source ~/storms/bin/activate") < len(lines) - 1
    assert "--nthreads 1" in lines[-1]
