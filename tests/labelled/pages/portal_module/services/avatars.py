"""Avatar files."""

import hashlib
import os
import uuid

import aiofiles
import requests as rq
from werkzeug.utils import secure_filename

import config

KINDS = {".png", ".jpg", ".jpeg", ".webp"}


class Refused(ValueError):
    """The file is not something we take."""


def _allowed(name):
    return os.path.splitext(name)[1].lower() in KINDS


async def store_upload(name, data, tags=[]):
    """Write an uploaded picture to disk and return its path and labels."""
    if not _allowed(name):
        raise Refused("only png, jpg or webp")
    tags.append(hashlib.sha256(data).hexdigest()[:12])
    path = os.path.join(config.UPLOAD_DIR, name)
    async with aiofiles.open(path, "wb") as out:
        await out.write(data)
    return name, tags


async def store_banner(name, data):
    """Write a community banner under a name of our own."""
    if not _allowed(name):
        raise Refused("only png, jpg or webp")
    final = f"{uuid.uuid4().hex}-{secure_filename(name)}"
    async with aiofiles.open(os.path.join(config.UPLOAD_DIR, final), "wb") as out:
        await out.write(data)
    return final


def _gravatar(mail):
    digest = hashlib.md5(mail.strip().lower().encode()).hexdigest()
    return rq.get(
        f"https://www.gravatar.com/avatar/{digest}", params={"s": 256}, timeout=5
    )


async def adopt_gravatar(mail):
    """Fetch a user's Gravatar and keep a copy."""
    answer = _gravatar(mail)
    if answer.status_code != 200:
        raise Refused("no Gravatar there")
    return await store_banner("gravatar.png", answer.content)
