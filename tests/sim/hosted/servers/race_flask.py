"""The small server on Flask, which answers each request in a thread."""

import store
from flask import Flask, Response, request

app = Flask(__name__)


@app.post("/files")
def create():
    return answer(
        *store.create(request.headers["Upload-Length"], request.headers["Upload-Metadata"])
    )


@app.route("/files/<ident>", methods=["HEAD", "PATCH"])
def one(ident):
    if request.method == "HEAD":
        return answer(*store.look(ident))
    return answer(*store.append(ident, int(request.headers["Upload-Offset"]), request.get_data()))


def answer(status, headers):
    return Response(status=status, headers=headers)
