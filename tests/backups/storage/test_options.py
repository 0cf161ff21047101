"""What the settings say of the storage of the backups."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import obstore
import pytest

from backups.storage.bucket import Bucket
from backups.storage.django_bucket import BucketStorage
from backups.storage.options import BucketOptions, FolderOptions, read_options
from config.env import Environment

GIVEN = {"bucket_name": "desk", "location": "a/b", "endpoint_url": "http://s3.test", "region_name": "eu-west-1"}
KEYS = {"access_key": "name", "secret_key": "secret"}


def test_a_folder_is_told_from_a_bucket() -> None:
    assert read_options({"location": Path("/srv/backups")}) == FolderOptions("/srv/backups")
    assert read_options(GIVEN) == BucketOptions(**GIVEN)


def test_an_option_that_nobody_reads_is_refused() -> None:
    with pytest.raises(TypeError):
        read_options(GIVEN | {"signature_version": "s3"})


def test_a_bucket_in_the_host_is_asked_for_by_each_library() -> None:
    """As each of them would ask: no such host is there."""
    options = BucketOptions(**GIVEN, **KEYS, addressing_style="virtual")
    wanted = "http://desk.s3.test/a/b/x?"

    config = options.of_obstore()
    by_django = BucketStorage(**{name: value for name, value in asdict(options).items() if value})
    by_obstore = Bucket(options.bucket_name, options.location, options.obstore_endpoint, ask_boto3=False, **config)

    assert by_django.url("x").startswith(wanted)
    assert obstore.sign(by_obstore._store, "GET", "x", timedelta(minutes=1)).startswith(wanted)
    without = BucketStorage(**GIVEN, **KEYS)
    assert without.url("x").startswith("http://s3.test/desk/a/b/x?")


@pytest.mark.parametrize("style", ["virtual", "path"])
def test_the_style_is_read_from_the_address(style: str) -> None:
    address = f"s3://desk/a?endpoint_url=http%3A%2F%2Fs3.test&addressing_style={style}"
    entry = Environment({"X": address}).storage("X", "file:///none")
    options = read_options(entry["OPTIONS"])
    assert isinstance(options, BucketOptions)
    assert options.addressing_style == style


def test_another_style_is_a_problem_of_the_settings() -> None:
    env = Environment({"X": "s3://desk/a?addressing_style=sideways"})
    env.storage("X", "file:///none")
    assert [problem.name for problem in env.problems] == ["X"]


def test_each_library_has_what_was_given_and_nothing_else() -> None:
    without, with_keys = BucketOptions(**GIVEN), BucketOptions(**GIVEN, **KEYS)
    assert without.of_obstore() == {"region": "eu-west-1"}
    assert with_keys.of_obstore() == {
        "region": "eu-west-1",
        "access_key_id": "name",
        "secret_access_key": "secret",
    }
    assert without.of_django_storages() == GIVEN
    assert with_keys.of_django_storages() == GIVEN | KEYS
