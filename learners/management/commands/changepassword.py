"""Django's own command, which also ends the tokens of whoever gets another password."""

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.db import transaction

from learners.models import User
from learners.services.accounts import end_tokens


class Command(changepassword.Command):
    help = "Change a person's password and end her API tokens."

    def handle(self, *args: Any, **options: Any) -> str:
        username = options["username"] or getpass.getuser()
        with transaction.atomic(using=options["database"]):
            said = super().handle(*args, **options)
            end_tokens(person=User.objects.get(username=username))
        return str(said)
