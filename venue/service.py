"""The running venue: markets, feeds and faces wired together, from warm-up to goodbye."""

import asyncio
import logging
import ssl
from dataclasses import replace
from random import Random

from venue.clock import VenueClock, wall_us
from venue.config import Settings
from venue.faces.face import Face
from venue.faces.registry import FACES
from venue.faults.parameters import FaultError
from venue.faults.plan import Planned
from venue.feed import MarketFeed, SteadyFeed, SyntheticFeed
from venue.flow import PairFlow
from venue.listing import Listing, Pair
from venue.market import Market
from venue.steady import SteadyPattern, fill

LOG = logging.getLogger(__name__)

WARM_UP_US = 5_000_000


class VenueError(Exception):
    """The venue cannot start; the message is one line for the user."""


class Venue:
    """The whole exchange. `start`, then `stop`; both on the event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.feeds: dict[str, list[MarketFeed]] = {face: [] for face in settings.faces}
        self.faces: dict[str, Face] = {}
        self.ports: dict[str, int] = {}
        self._synthetic: list[SyntheticFeed] = []
        self._steady: list[SteadyFeed] = []
        self._planned: list[asyncio.TimerHandle] = []

    async def start(self) -> None:
        """Warm the markets up, then open the ports. Raises VenueError when one cannot be opened."""
        tls = self._tls()
        try:
            (self._make_steady if self.settings.flow == "steady" else self._make_synthetic)()
        except ValueError as error:
            raise VenueError(str(error)) from error
        for name in self.settings.faces:
            face = self.settings.of(name).face(
                self.feeds[name], self.settings.seed, self.settings.send_buffer_kib * 1024
            )
            self.faces[name] = face
            port = self.settings.port(name)
            try:
                self.ports[name] = await face.start(self.settings.host, port, tls)
            except OSError as error:
                await self.stop()
                raise VenueError(f"{name}: cannot listen on {self.settings.host}:{port}: {error.strerror}") from error
        for synthetic in self._synthetic:
            synthetic.start()
        loop = asyncio.get_running_loop()
        for planned in self.settings.faults:
            if planned.at_s:
                self._planned.append(loop.call_later(planned.at_s, self._begin, planned))
            else:
                self._begin(planned)

    async def stop(self) -> None:
        """Stop the markets, say goodbye to all clients and close the ports."""
        for timer in self._planned:
            timer.cancel()
        for synthetic in self._synthetic:
            synthetic.stop()
        await asyncio.gather(*(face.stop() for face in self.faces.values()))
        for steady in self._steady:
            steady.stop()

    def endpoints(self) -> dict[str, dict[str, str]]:
        """Return the base addresses of each face: ``rest`` and ``ws``."""
        secure = "s" if self.settings.tls_cert else ""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return {
            name: {"rest": f"http{secure}://{host}:{port}", "ws": f"ws{secure}://{host}:{port}"}
            for name, port in self.ports.items()
        }

    def _begin(self, planned: Planned) -> None:
        try:
            fault = self.faces[planned.face].board.begin(planned.spec)
        except FaultError as error:
            LOG.error("%s: the planned fault %s did not begin: %s", planned.face, planned.spec.kind.kind, error)
        else:
            LOG.info("%s: fault %d begins: %s", planned.face, fault.number, planned.spec.describe())

    def _market(self, listing: Listing) -> Market:
        draw = Random(f"{self.settings.seed}/{listing.face}/{listing.symbol}/ids")
        return Market(
            listing,
            first_update_id=draw.randint(10**9, 9 * 10**10),
            first_trade_id=draw.randint(10**8, 5 * 10**9),
            history=self.settings.history,
            keep_orders=FACES[listing.face].keeps_orders,
        )

    def _make_synthetic(self) -> None:
        settings = self.settings
        flows: list[tuple[Pair, PairFlow, list[Market]]] = []
        for pair in settings.pairs:
            markets = [self._market(listing) for listing in pair.listings]
            flow = PairFlow(
                settings.seed,
                replace(pair, activity=pair.activity * settings.activity),
                markets,
                deep_levels=settings.deep_levels,
                volatility=settings.volatility,
            )
            flow.advance(WARM_UP_US)
            for market in markets:
                market.publish(WARM_UP_US)
                market.forget()
            flows.append((pair, flow, markets))
        # The clock starts after the warm-up, so that no time has to be caught up.
        clock = VenueClock(settings.speed, WARM_UP_US)
        for phase, (_, flow, markets) in enumerate(flows):
            names = [market.listing.face for market in markets]
            synthetic = SyntheticFeed(
                flow,
                markets,
                clock,
                batch_us=[settings.interval_ms(name) * 1000 for name in names],
                lead_us=max(settings.of(name).snapshot_lead_ms for name in names) * 1000,
                phase=phase,
            )
            self._synthetic.append(synthetic)
            for feed in synthetic.feeds:
                self.feeds[feed.listing.face].append(feed)

    def _make_steady(self) -> None:
        settings = self.settings
        listings = [(pair, listing) for pair in settings.pairs for listing in pair.listings]
        for number, (pair, listing) in enumerate(listings):
            pattern = SteadyPattern(
                listing,
                pair.price,
                levels=settings.levels,
                deep_levels=settings.deep_levels,
                seed=settings.seed,
            )
            market = self._market(listing)
            now = wall_us()
            fill(market, pattern, now)
            market.publish(now)
            market.forget()
            feed = SteadyFeed(market, pattern, rate=settings.rate, phase=number / len(listings))
            self._steady.append(feed)
            self.feeds[listing.face].append(feed)

    def _tls(self) -> ssl.SSLContext | None:
        cert, key = self.settings.tls_cert, self.settings.tls_key
        if cert is None or key is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(cert, key)
        except (OSError, ssl.SSLError) as error:
            raise VenueError(f"cannot use --tls-cert {cert} with --tls-key {key}: {error}") from error
        return context
