"""OpenAPI: every operation documents the error envelope."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
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

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        # Not get_response_serializers: @extend_schema(responses=…) replaces that one, and with it what it adds.
        bodies = super()._get_response_bodies(direction)
        for code in self.COMMON:
            if code not in bodies:
                bodies[code] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                    ErrorEnvelope, code, ["application/json"], direction
                )
        return bodies

    def _get_request_body(self, direction: Any = "request") -> Any:
        body = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        # The library asks a serializer whether there must be a body; a schema of our own has none to ask.
        if body and any("oneOf" in media["schema"] for media in body["content"].values()):
            body["required"] = True
        return body


class TextExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Tells in the schema what a text may not hold: null characters, and where it is required nothing but blanks."""

    target_class = "common.api.fields.Text"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> Any:
        schema = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)
        if direction == "request":
            blank = self.target.allow_blank or not self.target.trim_whitespace
            least = "" if blank else r"[^\s\x00][^\x00]*"
            schema.setdefault("pattern", rf"^[^\x00]*{least}$")
        return schema
