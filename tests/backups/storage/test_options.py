"""What the settings say of the storage of the backups."""

from __future__ import annotations

from pathlib import Path

import pytest

from backups.storage.options import BucketOptions, FolderOptions, read_options

GIVEN = {"bucket_name": "desk", "location": "a/b", "endpoint_url": "http://s3.test", "region_name": "eu-west-1"}
KEYS = {"access_key": "name", "secret_key": "secret"}


def test_a_folder_is_told_from_a_bucket() -> None:
    assert read_options({"location": Path("/srv/backups")}) == FolderOptions("/srv/backups")
    assert read_options(GIVEN) == BucketOptions(**GIVEN)


def test_an_option_that_nobody_reads_is_refused() -> None:
    with pytest.raises(TypeError):
        read_options(GIVEN | {"signature_version": "s3"})


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
