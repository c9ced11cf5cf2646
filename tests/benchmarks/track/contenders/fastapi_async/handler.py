"""The same FastAPI application, with views that block its loop: against its advice, and faster."""

from typing import Annotated, Literal

from fastapi import FastAPI, HTTPException, Query
from fastapi.middleware.cors import CORSMiddleware
from mangum import Mangum
from shop import events
from shop.models import CheckoutBody, CheckoutStarted, EventList, EventWithStock

app = FastAPI(title="Events")
app.add_middleware(CORSMiddleware, allow_origins=["*"])


@app.get("/api/events/{slug}")
async def get_event(slug: str) -> EventWithStock:
    event = events.find(slug)
    if event is None:
        raise HTTPException(404, "no such event")
    return event


@app.get("/api/events")
async def list_events(
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    sort_order: Annotated[Literal["asc", "desc"], Query(alias="sortOrder")] = "desc",
    cursor: str | None = None,
) -> EventList:
    return events.page(limit, cursor, ascending=sort_order == "asc")


@app.post("/api/payments/checkout", status_code=201)
async def start_checkout(body: CheckoutBody) -> CheckoutStarted:
    # Most requests are for pages; they do not wait for Stripe's SDK.
    from shop import checkout

    try:
        return checkout.start(body)
    except checkout.Refused as refused:
        raise HTTPException(refused.status, str(refused)) from refused


handler = Mangum(app, lifespan="off")
