"""What a person can do with a system that is left running: lines to paste into a shell."""

import json
import shlex
from pathlib import Path
from string import Template

from videoinfer.local.api_front import ApiFront
from videoinfer.local.embedded_aws import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from videoinfer.local.system import System
from videoinfer.model_packages import LocalModel
from videoinfer.own_command import spell_command

# With the embedded AWS's own test key, which opens nothing else. Each value is quoted for the shell, or made of
# letters, digits and what a URL has.
_INSTRUCTIONS = Template("""\
AWS      $endpoint_url
API      $api_url
API key  $api_key
Uploads  s3://$uploads_bucket
Results  s3://$results_bucket
Log      $log

# Upload more: the headers x-amz-meta-… are options. Then list what has come out.
curl --aws-sigv4 aws:amz:$region:s3 --user $access_key_id:$secret_access_key \\
  --header 'x-amz-meta-infer-fps: 2' --upload-file $video '$endpoint_url/$uploads_bucket/$another'
curl --aws-sigv4 aws:amz:$region:s3 --user $access_key_id:$secret_access_key '$endpoint_url/$results_bucket?list-type=2'

# Where videoinfer, and the AWS CLI if it is installed, find this AWS.
export AWS_ENDPOINT_URL=$endpoint_url AWS_DEFAULT_REGION=$region AWS_REGION=$region VIDEOINFER_STACK=pipeline
export AWS_ACCESS_KEY_ID=$access_key_id AWS_SECRET_ACCESS_KEY=$secret_access_key
unset AWS_PROFILE AWS_SESSION_TOKEN

# What became of it, and what else can be asked.
$jobs
$help

# The same upload with the AWS CLI.
aws s3 cp $video s3://$uploads_bucket/$another --metadata infer-fps=2
aws s3 ls --recursive s3://$results_bucket

# The API's calls, from signed URL to results.
API='$api_url' API_KEY='$api_key'
read_field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$$1"; }
signed_url=$$(curl -sS -X POST "$$API/video_upload_signed_url/?api_key=$$API_KEY" \\
  -H 'Content-Type: application/json' -d '{"file_name": "$another"}' | read_field signed_url)
curl -sS -X PUT "$$signed_url" -H 'Content-Type: application/octet-stream' --data-binary @$video
job_id=$$(curl -sS -X POST "$$API/videoinfer/?api_key=$$API_KEY" -H 'Content-Type: application/json' \\
  -d '{"input_url": "'"$$signed_url"$rest_of_body | read_field job_id)
curl -sS -w '\\n' "$$API/videoinfer/?api_key=$$API_KEY&job_id=$$job_id"
# Once its status is 0:
curl -sS "$$(curl -sS "$$API/videoinfer/?api_key=$$API_KEY&job_id=$$job_id" | read_field output_signed_url)"

# Roboflow's own client, unchanged (pip install roboflow). It takes no path in an address, so the API has one without.
export API_URL=$front_url ROBOFLOW_API_KEY='$api_key'
roboflow video infer -p $model_id -v $model_version -f $video --fps $whole_fps

# Stop it, and remove all that it wrote.
kill -KILL -- -$process_group -$front_group; rm -r $folder
""")


def compose_instructions(system: System, front: ApiFront, *, model: LocalModel, video: Path, infer_fps: float) -> str:
    """Endpoints, and a command for all that can be done."""
    aws, engine, pipeline = system.aws, system.engine, system.pipeline
    rest_of_body = f'", "infer_fps": {infer_fps:g}, "models": [{json.dumps(model.as_api_model())}]}}'
    return _INSTRUCTIONS.substitute(
        endpoint_url=aws.endpoint_url,
        region=REGION,
        access_key_id=ACCESS_KEY_ID,
        secret_access_key=SECRET_ACCESS_KEY,
        log=aws.log,
        api_url=engine.api_url,
        api_key=engine.api_key,
        uploads_bucket=pipeline.uploads_bucket,
        results_bucket=pipeline.results_bucket,
        jobs=spell_command("videoinfer jobs"),
        help=spell_command("videoinfer --help"),
        video=shlex.quote(str(video.resolve())),
        another=f"another{video.suffix}",
        rest_of_body=shlex.quote(rest_of_body),
        model_id=shlex.quote(model.model_id),
        model_version=shlex.quote(model.model_version),
        whole_fps=max(1, round(infer_fps)),  # the client takes no other
        front_url=front.url,
        front_group=front.process.pid,
        process_group=aws.process.pid,
        folder=shlex.quote(str(aws.folder)),
    )
