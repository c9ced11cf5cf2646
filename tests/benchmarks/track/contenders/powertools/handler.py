"""Powertools' resolver: routes to functions, pydantic models for what comes in and goes out."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.event_handler.exceptions import (
    BadRequestError,
    NotFoundError,
    ServiceError,
)
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError
from shop import events
from shop.models import CheckoutBody

logger = Logger()
app = APIGatewayRestResolver(cors=CORSConfig(allow_origin="*"))


@app.get("/api/events/<slug>")
def get_event(slug: str) -> Response[str]:
    event = events.find(slug)
    if event is None:
        raise NotFoundError("no such event")
    return _json(event)


@app.get("/api/events")
def list_events() -> Response[str]:
    asked = app.current_event
    limit = int(asked.get_query_string_value("limit", "50"))
    ascending = asked.get_query_string_value("sortOrder", "desc") == "asc"
    cursor = asked.get_query_string_value("cursor", None)
    return _json(events.page(limit, cursor, ascending=ascending))


@app.post("/api/payments/checkout")
def start_checkout() -> Response[str]:
    # Most requests are for pages; they do not wait for Stripe's SDK.
    from shop import checkout

    try:
        body = CheckoutBody.model_validate_json(app.current_event.body or "")
    except ValidationError as error:
        raise BadRequestError(str(error)) from error
    try:
        return _json(checkout.start(body), 201)
    except checkout.Refused as refused:
        raise ServiceError(refused.status, str(refused)) from refused


def _json(answer: BaseModel, status: int = 200) -> Response[str]:
    return Response(status, "application/json", answer.model_dump_json())


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
