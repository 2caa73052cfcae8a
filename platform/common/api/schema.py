"""OpenAPI: every operation documents the error envelope."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers


class ErrorDetail(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    fields_ = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()), required=False
    )

    def get_fields(self) -> dict[str, Any]:
        # `fields` is a property of every serializer, so the wire name is given here.
        fields = super().get_fields()
        fields["fields"] = fields.pop("fields_")
        return fields


class ErrorEnvelope(serializers.Serializer[Any]):
    error = ErrorDetail()


class EnvelopeSchema(AutoSchema):
    """Adds the answers that any operation can give to those it declares itself."""

    COMMON = ("400", "401", "403", "404", "405", "406", "409", "413", "415", "429")

    def get_response_serializers(self) -> Any:
        declared = super().get_response_serializers()
        if not isinstance(declared, dict):
            declared = {self._success_status(): declared}
        missing = {code: ErrorEnvelope for code in self.COMMON if not _declares(declared, code)}
        return {**declared, **missing}

    def _success_status(self) -> str:
        if self.method == "DELETE":
            return "204"
        return (
            "201"
            if self.method == "POST" and getattr(self.view, "action", "create") == "create"
            else "200"
        )


def _declares(declared: dict[Any, Any], code: str) -> bool:
    return any(str(key[0] if isinstance(key, tuple) else key) == code for key in declared)
