"""Which path on the storage is whose: published names, stored chunks, and what is nobody's."""

from __future__ import annotations

import re

from patchstorm.dialect.registry import dialect_of
from patchstorm.history.model import UploadInfo
from patchstorm.history.names import unnamed
from patchstorm.target.model import Target
from patchstorm.target.patterns import covers, matches


class Places:
    """The paths of one storm's uploads, as far as their URLs are known yet."""

    def __init__(self, target: Target, uploads: tuple[UploadInfo, ...]) -> None:
        self._target = target
        self._files = target.files
        self._uploads = {upload.id: upload for upload in uploads}
        self._urls: dict[str, str] = {}
        self.published: dict[str, tuple[str, ...]] = {}  # path -> ids; rivals share a path
        for upload in uploads:
            self._place(upload.id)

    def learn(self, upload: str, url: str) -> None:
        """The creation of ``upload`` gave out ``url``."""
        self._urls[upload] = url
        self._place(upload)

    def _place(self, upload: str) -> None:
        path = self.path(upload)
        if path is not None and upload not in self.published.get(path, ()):
            self.published[path] = (*self.published.get(path, ()), upload)

    def path(self, upload: str) -> str | None:
        """Where ``upload`` is published; None while that depends on a URL nobody has.

        None for good where the target's bytes are had with GET: then no name is anybody's.
        """
        return None if self._files.read == "get" else self.named(upload)

    def named(self, upload: str) -> str | None:
        """Where ``files.published`` says that ``upload`` lies, however its bytes are had."""
        info, url = self._uploads[upload], self._urls.get(upload)
        pattern = self._files.published
        if info.unnamed:
            pattern = self._files.unnamed or pattern
        if "{id}" not in pattern:
            return pattern.format(target=info.target)
        if url is None:
            return None
        return pattern.format(target=info.target, id=self._upload_id(url))

    def size(self, upload: str) -> int:
        """The length that ``upload`` is declared with, in bytes."""
        return self._uploads[upload].size

    def _upload_id(self, url: str) -> str:
        return dialect_of(self._target.dialect).codec.upload_id(self._target.wire, url)

    @property
    def all_known(self) -> bool:
        """Whether every upload's published name is known, so that strangers can be told apart."""
        return all(self.path(upload) is not None for upload in self._uploads)

    def is_beside(self, path: str) -> bool:
        """Whether ``path`` shows to users and belongs to no upload."""
        if covers(path, self._files.internal) or covers(path, self._files.leftovers):
            return False
        return not any(name == path or name.startswith(f"{path}/") for name in self.published)

    def is_alike(self, path: str) -> bool:
        """Whether a file that is called so may be that of an upload whose URL nobody knows."""
        patterns = (self._files.published, self._files.unnamed or "")
        named_by_id = tuple(one.replace("{id}", "*") for one in patterns if "{id}" in one)
        return not any("{target}" in one for one in named_by_id) and matches(path, named_by_id)

    def may_stay(self, path: str) -> bool:
        """Whether ``path`` may be there after a sweep: published, declared, or a directory above."""
        if matches(path, self._files.leftovers):
            return True
        return any(name == path or name.startswith(f"{path}/") for name in self.published)

    def names_an_upload(self, path: str) -> bool:
        """Whether ``path`` is of one upload: it bears its name, or one that stands for no thing at all."""
        names = {info.target for info in self._uploads.values()}
        names |= {self._upload_id(url) for url in self._urls.values()}
        return path != unnamed(path, sorted(names))

    def may_be_of(self, upload: str, path: str) -> bool:
        """Whether ``path`` is of ``upload``, and neither published, nor a record, nor what may stay for good.

        It bears the server's name for it; where there is only one upload, whatever lies there is its own.
        """
        if self.may_stay(path) or self.recorded(path) is not None:
            return False
        url = self._urls.get(upload)
        return len(self._uploads) == 1 or (url is not None and self._upload_id(url) in path)

    def stored(self, path: str) -> tuple[str, int] | None:
        """The upload and offset whose stored bytes lie at ``path``; None if it is no such file."""
        pattern = self._files.stored
        if pattern is None:
            return None
        found = _stored_regex(pattern).fullmatch(path)
        if found is None:
            return None
        for upload, url in self._urls.items():
            if self._upload_id(url) == found["id"]:
                return upload, int(found["offset"])
        return None

    def recorded(self, path: str) -> str | None:
        """The upload of which something is written down at ``path``; None if it is no such file."""
        for pattern in self._files.records:
            for upload, url in self._urls.items():
                if matches(path, (pattern.format(id=self._upload_id(url)),)):
                    return upload
        return None

    def told(self, path: str) -> str | None:
        """The upload of which others are told with a file at ``path``; None if it is no such file."""
        pattern = self._files.told
        if pattern is None:
            return None
        for upload, url in self._urls.items():
            if matches(path, (pattern.format(id=self._upload_id(url)),)):
                return upload
        return None


def _stored_regex(pattern: str) -> re.Pattern[str]:
    text = re.escape(pattern)
    text = text.replace(r"\{id\}", "(?P<id>[^/]+)").replace(r"\{offset\}", r"(?P<offset>\d+)")
    return re.compile(text)
