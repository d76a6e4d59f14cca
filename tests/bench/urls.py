"""The addresses of the project, and the limit that they are compared with."""

from django.urls import path

from commerce import urls as project
from tests.bench.limit import answer

urlpatterns = [*project.urlpatterns, path("bench/limit", answer)]
