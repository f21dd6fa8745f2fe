"""Notices as a queue receives them."""

from videoinfer.aws_clients import AwsClients
from videoinfer.notices_queue import ReceivedNotice, receive_notices, subscribe_queue


def test_a_notice_arrives_once_and_as_it_was_published(clients: AwsClients) -> None:
    topic_arn = clients.sns.create_topic(Name="notices")["TopicArn"]
    queue_url = subscribe_queue(clients, topic_arn)

    clients.sns.publish(TopicArn=topic_arn, Subject="Done: clip.mp4", Message="Video  ü\nFrames 50")

    notices = receive_notices(clients, queue_url, timeout_seconds=0)
    assert notices == [ReceivedNotice("Done: clip.mp4", "Video  ü\nFrames 50")]
    assert receive_notices(clients, queue_url, timeout_seconds=0) == []
