"""Requests to buckets are signed as botocore's `S3SigV4Auth` signs them."""

from datetime import UTC, datetime

import pytest

from pilothouse.providers.bedrock.signing import Credentials, Signable, Signer

NOW_NS = int(datetime(2026, 11, 25, 7, 8, 9, tzinfo=UTC).timestamp()) * 10**9
PUT = Signable(
    "PUT", "s3.eu-central-1.amazonaws.com", "/traces/a%20b/part-1.jsonl", b'{"n":1}\n', "application/octet-stream"
)


@pytest.mark.parametrize(
    ("token", "names", "signature"),
    [
        (
            "",
            b"content-type;host;x-amz-content-sha256;x-amz-date",
            b"a33316f2387763bd08f66fb2fba5aee80c9acef0c485c1c5565e98fec8782f5d",
        ),
        (
            "TOKEN//+=",
            b"content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
            b"e1fe674de47a7413bb40878099e42b4757884f8cd507e9c4cfb8fe004d6de930",
        ),
    ],
)
def test_a_file_is_signed_as_botocore_signs_it(token: str, names: bytes, signature: bytes) -> None:
    pair = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    headers = dict(Signer(pair, "eu-central-1", "s3").headers(PUT, NOW_NS))
    assert headers[b"authorization"] == (
        b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/eu-central-1/s3/aws4_request, SignedHeaders="
        + names
        + b", Signature="
        + signature
    )
    assert headers[b"x-amz-content-sha256"] == b"cedf74272c9fc8db5448283a93277e7e7eb7534b71df3bd8ab35fd9b1b73404c"
