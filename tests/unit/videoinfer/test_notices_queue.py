"""Notices as a queue receives them."""

from videoinfer.aws_clients import AwsClients
from videoinfer.notices_queue import ReceivedNotice, receive_notices, subscribe_queue
from videojobs.notices.found import Found, compose_attributes


def test_a_notice_arrives_once_and_as_it_was_published(clients: AwsClients) -> None:
    topic_arn = clients.sns.create_topic(Name="notices")["TopicArn"]
    queue_url = subscribe_queue(clients, topic_arn)

    clients.sns.publish(
        TopicArn=topic_arn,
        Subject="clip.mp4: Rock",
        Message="Rock\nFrames: 50 ü",
        MessageAttributes=compose_attributes("done", "", Found()),
    )

    notices = receive_notices(clients, queue_url, timeout_seconds=0)
    assert notices == [ReceivedNotice("clip.mp4: Rock", "Rock\nFrames: 50 ü", "done")]
    assert receive_notices(clients, queue_url, timeout_seconds=0) == []

    clients.sns.publish(TopicArn=topic_arn, Subject="Digest: 1 done", Message="1 notice")
    assert receive_notices(clients, queue_url, timeout_seconds=0) == [ReceivedNotice("Digest: 1 done", "1 notice", "")]
