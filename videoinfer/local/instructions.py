"""Instructions for a system that is left running: commands to paste into a shell."""

import json
import shlex
from pathlib import Path
from string import Template

from videoinfer.local.api_proxy import ApiProxy
from videoinfer.local.embedded_aws import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from videoinfer.local.system import System
from videoinfer.model_packages import LocalModel
from videoinfer.own_command import spell_command

# The access key is the embedded AWS's own test key, so it may be printed. Each value is quoted for the shell or has
# only characters that URLs have.
_INSTRUCTIONS = Template("""\
AWS      $endpoint_url
API      $api_url
API key  $api_key
Uploads  s3://$uploads_bucket
Results  s3://$results_bucket
Log      $log

# Upload another video: the headers x-amz-meta-… are options. Then list the results.
curl --aws-sigv4 aws:amz:$region:s3 --user $access_key_id:$secret_access_key \\
  --header 'x-amz-meta-infer-fps: 2' --upload-file $video '$endpoint_url/$uploads_bucket/$another'
curl --aws-sigv4 aws:amz:$region:s3 --user $access_key_id:$secret_access_key '$endpoint_url/$results_bucket?list-type=2'

# Read the notices since then. They stay in the queue, which shows them again half a minute later.
curl -sS --aws-sigv4 aws:amz:$region:sqs --user $access_key_id:$secret_access_key $endpoint_url/ \\
  -H 'X-Amz-Target: AmazonSQS.ReceiveMessage' -H 'Content-Type: application/x-amz-json-1.0' \\
  -d '{"QueueUrl": "$notices_queue_url", "MaxNumberOfMessages": 10, "WaitTimeSeconds": 5}' |
  python3 -c 'import json, sys
for message in json.load(sys.stdin).get("Messages", []): print(json.loads(message["Body"])["Message"])'

# Make videoinfer, and the AWS CLI if it is installed, use this AWS.
export AWS_ENDPOINT_URL=$endpoint_url AWS_DEFAULT_REGION=$region AWS_REGION=$region VIDEOINFER_STACK=pipeline
export AWS_ACCESS_KEY_ID=$access_key_id AWS_SECRET_ACCESS_KEY=$secret_access_key
unset AWS_PROFILE AWS_SESSION_TOKEN

# List the jobs, and all other commands.
$jobs
$help

# Upload the video and list the results with the AWS CLI.
aws s3 cp $video s3://$uploads_bucket/$another --metadata infer-fps=2
aws s3 ls --recursive s3://$results_bucket

# Call the API, from the signed URL to the results.
API='$api_url' API_KEY='$api_key'
read_field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$$1"; }
signed_url=$$(curl -sS -X POST "$$API/video_upload_signed_url/?api_key=$$API_KEY" \\
  -H 'Content-Type: application/json' -d '{"file_name": "$another"}' | read_field signed_url)
curl -sS -X PUT "$$signed_url" -H 'Content-Type: application/octet-stream' --data-binary @$video
job_id=$$(curl -sS -X POST "$$API/videoinfer/?api_key=$$API_KEY" -H 'Content-Type: application/json' \\
  -d '{"input_url": "'"$$signed_url"$rest_of_body | read_field job_id)
ask() { curl -sS "$$API/videoinfer/?api_key=$$API_KEY&job_id=$$job_id" | read_field "$$1"; }
while [ "$$(ask status)" = 1 ]; do sleep 2; done
curl -sS "$$(ask output_signed_url)"

# Use Roboflow's own client (pip install roboflow). It drops the path of a URL, so this proxy's URL has none.
export API_URL=$proxy_url ROBOFLOW_API_KEY='$api_key'
roboflow video infer -p $model_id -v $model_version -f $video --fps $whole_fps

# Stop everything, and remove all files of this AWS.
kill -KILL -- -$process_group -$proxy_group; rm -r $folder
""")


def compose_instructions(system: System, proxy: ApiProxy, *, model: LocalModel, video: Path, infer_fps: float) -> str:
    """The endpoints, and commands to use the system and to stop it."""
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
        notices_queue_url=system.notices_queue_url,
        jobs=spell_command("videoinfer jobs"),
        help=spell_command("videoinfer --help"),
        video=shlex.quote(str(video.resolve())),
        another=f"another{video.suffix}",
        rest_of_body=shlex.quote(rest_of_body),
        model_id=shlex.quote(model.model_id),
        model_version=shlex.quote(model.model_version),
        whole_fps=max(1, round(infer_fps)),  # the client takes only whole numbers
        proxy_url=proxy.url,
        proxy_group=proxy.process.pid,
        process_group=aws.process.pid,
        folder=shlex.quote(str(aws.folder)),
    )
