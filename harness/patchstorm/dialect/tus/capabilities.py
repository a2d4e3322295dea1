"""What a server that speaks tus may declare, with what each word promises."""

from __future__ import annotations

from typing import Final

CAPABILITIES: Final[dict[str, str]] = {
    "offset-addressed": "a PATCH is accepted at any offset inside the upload",
    "sequential": "a PATCH is accepted only at the current offset; any other is 409",
    "creation": "POST creates an upload (tus creation)",
    "creation-bearer": "POST creates an upload for who shows the fleet's secret; a storm configures it",
    "creation-off": "POST creates nothing: uploads begin with minted URLs; a storm configures it",
    "creation-with-upload": "POST may carry the first bytes (tus creation-with-upload)",
    "defer-length": "POST may leave the length open (tus creation-defer-length)",
    "expiration": "Upload-Expires is announced and kept (tus expiration)",
    "checksum-md5": "Upload-Checksum with md5",
    "checksum-sha1": "Upload-Checksum with sha1",
    "checksum-sha256": "Upload-Checksum with sha256",
    "checksum-sha512": "Upload-Checksum with sha512",
    "termination": "DELETE ends an upload (tus termination)",
    "concatenation": "partial uploads can be joined (tus concatenation)",
    "keeps-parts": "a partial upload is as it was after it was joined with others",
    "status": "a status document tells what has arrived and what is missing",
    "keeps-partial-body": "bytes of a body that broke off stay (offset-addressed: none with a checksum)",
    "head-after-finish": "HEAD still answers once the upload is complete",
    "patient-head": "HEAD is never answered 5xx: where it cannot tell for the moment it says 423",
    "publishes-atomically": "the published name appears whole, at once",
    "plain-files": "nobody may execute a published file, whatever the umask",
    "completes-unattended": "a complete upload is published although no client returns",
    "named-targets": "an upload is published under the name its creation asks for, inside the root",
    "tells-lost-names": "who lost a name to another upload is told so at the next request: 409 or 410",
    "unnamed-uploads": "a creation may ask for no name; its file is published where `files.unnamed` says",
    "signed-urls": "an upload's URL is signed, and no other spelling of it is served",
    "behind-proxy": "Location names the scheme and host of X-Forwarded-Proto and X-Forwarded-Host, or Host",
    "minted-urls": "an upload may begin with a URL that was minted with the fleet's secret, without POST",
    "problem-documents": "refusals are problem documents (RFC 9457)",
    "strict-tus": "what tus 1.0.0 recommends is kept like what it demands",
    "survives-power-loss": "what was acknowledged is synced to stable storage first",
    "checks-records": "what is damaged in the records of an upload is noticed, and misleads nobody",
    "tidies-up": "who is done keeps no file open, no temporary one, and room only for bytes that came",
    "tells-finished": "others are told of each finished upload, once, when its file is there: a hook",
    "survives-companion-loss": "what was acknowledged outlives the data of the companion",
}

EXTENSIONS: Final[dict[str, str]] = {
    "creation": "creation",
    "creation-with-upload": "creation-with-upload",
    "creation-defer-length": "defer-length",
    "expiration": "expiration",
    "termination": "termination",
    "concatenation": "concatenation",
}
"""Capabilities by the words of Tus-Extension that announce them; ``checksum`` comes with its algorithms."""
CHECKSUM: Final = "checksum-"
"""What such a capability begins with: the algorithm follows."""
