"""The small server on Django, in one file."""

import django
import store
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="for tests")
django.setup()


def create(request):
    return answer(
        *store.create(request.headers["Upload-Length"], request.headers["Upload-Metadata"])
    )


def one(request, ident):
    if request.method == "HEAD":
        return answer(*store.look(ident))
    return answer(*store.append(ident, int(request.headers["Upload-Offset"]), request.body))


def answer(status, headers):
    return HttpResponse(status=status, headers=headers)


urlpatterns = [path("files", create), path("files/<ident>", one)]
app = WSGIHandler()
