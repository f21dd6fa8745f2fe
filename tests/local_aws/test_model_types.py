"""A model of every type in one job, from its package in the engine's bucket to the demo's folder."""

import io
from pathlib import Path

from PIL import Image

from tests.local_aws.pipelines import DeployPipeline
from tests.stand_ins.model_files import write_package
from tests.stand_ins.random_models import make_packages_of_every_type
from videoinfer.display import Display
from videoinfer.local.deployments import Engine, pipeline_parameters, put_model
from videoinfer.local.embedded_aws import EmbeddedAws
from videoinfer.local.outputs import PREVIEW_FILE, derive_outputs, open_outputs
from videoinfer.model_packages import read_model_package
from videoinfer.repository import SAMPLE_VIDEO
from videoinfer.terminal import Console
from videoinfer.videos import sample_video
from videojobs.result_files import RECORD_FILE, REPORT_FILE, RESULTS_FILE

INFER_FPS = 1


def test_every_type_of_model_has_results_counts_a_preview_and_a_report(
    aws: EmbeddedAws, engine: Engine, deploy_pipeline: DeployPipeline, tmp_path: Path
) -> None:
    packages = [
        read_model_package(write_package(tmp_path / kind / "1", files))
        for kind, files in make_packages_of_every_type().items()
    ]
    for package in packages:
        put_model(aws.clients, engine, package)
    pipeline = deploy_pipeline(**pipeline_parameters(engine, packages, INFER_FPS))

    upload = pipeline.upload("types.mp4", SAMPLE_VIDEO.read_bytes())
    job = pipeline.wait_for_job(upload)

    assert job["status"] == "done", job
    [notice] = pipeline.take_notices(upload)
    assert all(package.model_id in notice.text for package in packages)
    for package in packages:
        with open_outputs(tmp_path / "out" / package.model_id, [SAMPLE_VIDEO]) as outputs:
            for name in (RESULTS_FILE, RECORD_FILE):
                outputs[name].unfinished.write_bytes(pipeline.read_results(upload, job["job_id"], name))
            display = Display(Console(file=io.StringIO()))
            frames = sample_video(SAMPLE_VIDEO, INFER_FPS)
            derive_outputs(outputs, SAMPLE_VIDEO, frames, package.model_id, display=display)
            with Image.open(outputs[PREVIEW_FILE].unfinished) as preview:
                assert preview.size == (640, 360)
            assert outputs[REPORT_FILE].unfinished.stat().st_size > 0
