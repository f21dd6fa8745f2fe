"""What a person reads of a job: mails and share links."""
