from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATE_UNSPECIFIED: _ClassVar[State]
    CONNECTING: _ClassVar[State]
    SYNCING: _ClassVar[State]
    LIVE: _ClassVar[State]
    STALE: _ClassVar[State]
    GAP: _ClassVar[State]
    DOWN: _ClassVar[State]
    DISABLED: _ClassVar[State]
    UNLISTED: _ClassVar[State]
    UNCONVERTED: _ClassVar[State]

class Check(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHECK_NONE: _ClassVar[Check]
    CHECK_SECOND_VIEW: _ClassVar[Check]
    CHECK_CHECKSUM: _ClassVar[Check]
    CHECK_REST_BOOK: _ClassVar[Check]

class ConversionRule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RULE_UNSPECIFIED: _ClassVar[ConversionRule]
    BY_BOOK: _ClassVar[ConversionRule]
    AT_PAR: _ClassVar[ConversionRule]

class Taker(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TAKER_UNSPECIFIED: _ClassVar[Taker]
    BUYER: _ClassVar[Taker]
    SELLER: _ClassVar[Taker]
STATE_UNSPECIFIED: State
CONNECTING: State
SYNCING: State
LIVE: State
STALE: State
GAP: State
DOWN: State
DISABLED: State
UNLISTED: State
UNCONVERTED: State
CHECK_NONE: Check
CHECK_SECOND_VIEW: Check
CHECK_CHECKSUM: Check
CHECK_REST_BOOK: Check
RULE_UNSPECIFIED: ConversionRule
BY_BOOK: ConversionRule
AT_PAR: ConversionRule
TAKER_UNSPECIFIED: Taker
BUYER: Taker
SELLER: Taker

class Empty(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SummaryRequest(_message.Message):
    __slots__ = ("symbol",)
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    def __init__(self, symbol: _Optional[str] = ...) -> None: ...

class Summary(_message.Message):
    __slots__ = ("spread", "bids", "asks", "arrival_time", "symbol", "sequence", "conflated", "venues", "sent_time", "has_spread", "heartbeat", "closing", "conversions", "unit")
    SPREAD_FIELD_NUMBER: _ClassVar[int]
    BIDS_FIELD_NUMBER: _ClassVar[int]
    ASKS_FIELD_NUMBER: _ClassVar[int]
    ARRIVAL_TIME_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CONFLATED_FIELD_NUMBER: _ClassVar[int]
    VENUES_FIELD_NUMBER: _ClassVar[int]
    SENT_TIME_FIELD_NUMBER: _ClassVar[int]
    HAS_SPREAD_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    CLOSING_FIELD_NUMBER: _ClassVar[int]
    CONVERSIONS_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    spread: float
    bids: _containers.RepeatedCompositeFieldContainer[Level]
    asks: _containers.RepeatedCompositeFieldContainer[Level]
    arrival_time: int
    symbol: str
    sequence: int
    conflated: int
    venues: _containers.RepeatedCompositeFieldContainer[VenueState]
    sent_time: int
    has_spread: bool
    heartbeat: bool
    closing: bool
    conversions: _containers.RepeatedCompositeFieldContainer[Conversion]
    unit: str
    def __init__(self, spread: _Optional[float] = ..., bids: _Optional[_Iterable[_Union[Level, _Mapping]]] = ..., asks: _Optional[_Iterable[_Union[Level, _Mapping]]] = ..., arrival_time: _Optional[int] = ..., symbol: _Optional[str] = ..., sequence: _Optional[int] = ..., conflated: _Optional[int] = ..., venues: _Optional[_Iterable[_Union[VenueState, _Mapping]]] = ..., sent_time: _Optional[int] = ..., has_spread: _Optional[bool] = ..., heartbeat: _Optional[bool] = ..., closing: _Optional[bool] = ..., conversions: _Optional[_Iterable[_Union[Conversion, _Mapping]]] = ..., unit: _Optional[str] = ...) -> None: ...

class Level(_message.Message):
    __slots__ = ("exchange", "price", "amount")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    exchange: str
    price: float
    amount: float
    def __init__(self, exchange: _Optional[str] = ..., price: _Optional[float] = ..., amount: _Optional[float] = ...) -> None: ...

class VenueState(_message.Message):
    __slots__ = ("venue", "symbol", "state", "reason", "since_ns", "next_try_ns", "venue_time_ns", "received_ns", "age_ns", "updates", "gaps", "resyncs", "audits_passed", "audits_failed", "garbage", "connects", "position", "rotations", "restarts", "least_lag_ns", "threshold_ns", "connections", "checked_by", "checked_ns", "lag_ns", "distance", "rate_milli", "routed_from", "left_out")
    VENUE_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SINCE_NS_FIELD_NUMBER: _ClassVar[int]
    NEXT_TRY_NS_FIELD_NUMBER: _ClassVar[int]
    VENUE_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_NS_FIELD_NUMBER: _ClassVar[int]
    AGE_NS_FIELD_NUMBER: _ClassVar[int]
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    GAPS_FIELD_NUMBER: _ClassVar[int]
    RESYNCS_FIELD_NUMBER: _ClassVar[int]
    AUDITS_PASSED_FIELD_NUMBER: _ClassVar[int]
    AUDITS_FAILED_FIELD_NUMBER: _ClassVar[int]
    GARBAGE_FIELD_NUMBER: _ClassVar[int]
    CONNECTS_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ROTATIONS_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    LEAST_LAG_NS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_NS_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    CHECKED_BY_FIELD_NUMBER: _ClassVar[int]
    CHECKED_NS_FIELD_NUMBER: _ClassVar[int]
    LAG_NS_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    RATE_MILLI_FIELD_NUMBER: _ClassVar[int]
    ROUTED_FROM_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    venue: str
    symbol: str
    state: State
    reason: str
    since_ns: int
    next_try_ns: int
    venue_time_ns: int
    received_ns: int
    age_ns: int
    updates: int
    gaps: int
    resyncs: int
    audits_passed: int
    audits_failed: int
    garbage: int
    connects: int
    position: int
    rotations: int
    restarts: int
    least_lag_ns: int
    threshold_ns: int
    connections: int
    checked_by: Check
    checked_ns: int
    lag_ns: int
    distance: Distance
    rate_milli: int
    routed_from: str
    left_out: str
    def __init__(self, venue: _Optional[str] = ..., symbol: _Optional[str] = ..., state: _Optional[_Union[State, str]] = ..., reason: _Optional[str] = ..., since_ns: _Optional[int] = ..., next_try_ns: _Optional[int] = ..., venue_time_ns: _Optional[int] = ..., received_ns: _Optional[int] = ..., age_ns: _Optional[int] = ..., updates: _Optional[int] = ..., gaps: _Optional[int] = ..., resyncs: _Optional[int] = ..., audits_passed: _Optional[int] = ..., audits_failed: _Optional[int] = ..., garbage: _Optional[int] = ..., connects: _Optional[int] = ..., position: _Optional[int] = ..., rotations: _Optional[int] = ..., restarts: _Optional[int] = ..., least_lag_ns: _Optional[int] = ..., threshold_ns: _Optional[int] = ..., connections: _Optional[int] = ..., checked_by: _Optional[_Union[Check, str]] = ..., checked_ns: _Optional[int] = ..., lag_ns: _Optional[int] = ..., distance: _Optional[_Union[Distance, _Mapping]] = ..., rate_milli: _Optional[int] = ..., routed_from: _Optional[str] = ..., left_out: _Optional[str] = ...) -> None: ...

class Distance(_message.Message):
    __slots__ = ("ppm", "against", "others", "far_since_ns", "suspect", "left_out")
    PPM_FIELD_NUMBER: _ClassVar[int]
    AGAINST_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    FAR_SINCE_NS_FIELD_NUMBER: _ClassVar[int]
    SUSPECT_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    ppm: int
    against: str
    others: int
    far_since_ns: int
    suspect: bool
    left_out: bool
    def __init__(self, ppm: _Optional[int] = ..., against: _Optional[str] = ..., others: _Optional[int] = ..., far_since_ns: _Optional[int] = ..., suspect: _Optional[bool] = ..., left_out: _Optional[bool] = ...) -> None: ...

class BookRequest(_message.Message):
    __slots__ = ("pair", "levels", "venues", "min_amount", "min_notional", "min_interval_ms", "net_of_fees", "analytics")
    PAIR_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    VENUES_FIELD_NUMBER: _ClassVar[int]
    MIN_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    MIN_NOTIONAL_FIELD_NUMBER: _ClassVar[int]
    MIN_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    NET_OF_FEES_FIELD_NUMBER: _ClassVar[int]
    ANALYTICS_FIELD_NUMBER: _ClassVar[int]
    pair: str
    levels: int
    venues: _containers.RepeatedScalarFieldContainer[str]
    min_amount: str
    min_notional: str
    min_interval_ms: int
    net_of_fees: bool
    analytics: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, pair: _Optional[str] = ..., levels: _Optional[int] = ..., venues: _Optional[_Iterable[str]] = ..., min_amount: _Optional[str] = ..., min_notional: _Optional[str] = ..., min_interval_ms: _Optional[int] = ..., net_of_fees: _Optional[bool] = ..., analytics: _Optional[_Iterable[str]] = ...) -> None: ...

class Book(_message.Message):
    __slots__ = ("pair", "sequence", "conflated", "price_decimals", "amount_decimals", "venues", "bids", "asks", "clocks", "spread", "analytics", "net_of_fees", "conversions", "unit", "heartbeat", "closing")
    PAIR_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CONFLATED_FIELD_NUMBER: _ClassVar[int]
    PRICE_DECIMALS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_DECIMALS_FIELD_NUMBER: _ClassVar[int]
    VENUES_FIELD_NUMBER: _ClassVar[int]
    BIDS_FIELD_NUMBER: _ClassVar[int]
    ASKS_FIELD_NUMBER: _ClassVar[int]
    CLOCKS_FIELD_NUMBER: _ClassVar[int]
    SPREAD_FIELD_NUMBER: _ClassVar[int]
    ANALYTICS_FIELD_NUMBER: _ClassVar[int]
    NET_OF_FEES_FIELD_NUMBER: _ClassVar[int]
    CONVERSIONS_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    CLOSING_FIELD_NUMBER: _ClassVar[int]
    pair: str
    sequence: int
    conflated: int
    price_decimals: int
    amount_decimals: int
    venues: _containers.RepeatedCompositeFieldContainer[VenueBook]
    bids: _containers.RepeatedCompositeFieldContainer[MergedLevel]
    asks: _containers.RepeatedCompositeFieldContainer[MergedLevel]
    clocks: Clocks
    spread: int
    analytics: _containers.RepeatedCompositeFieldContainer[Analytic]
    net_of_fees: bool
    conversions: _containers.RepeatedCompositeFieldContainer[Conversion]
    unit: str
    heartbeat: bool
    closing: bool
    def __init__(self, pair: _Optional[str] = ..., sequence: _Optional[int] = ..., conflated: _Optional[int] = ..., price_decimals: _Optional[int] = ..., amount_decimals: _Optional[int] = ..., venues: _Optional[_Iterable[_Union[VenueBook, _Mapping]]] = ..., bids: _Optional[_Iterable[_Union[MergedLevel, _Mapping]]] = ..., asks: _Optional[_Iterable[_Union[MergedLevel, _Mapping]]] = ..., clocks: _Optional[_Union[Clocks, _Mapping]] = ..., spread: _Optional[int] = ..., analytics: _Optional[_Iterable[_Union[Analytic, _Mapping]]] = ..., net_of_fees: _Optional[bool] = ..., conversions: _Optional[_Iterable[_Union[Conversion, _Mapping]]] = ..., unit: _Optional[str] = ..., heartbeat: _Optional[bool] = ..., closing: _Optional[bool] = ...) -> None: ...

class VenueBook(_message.Message):
    __slots__ = ("trust", "known_bid", "known_ask", "best_bid", "best_ask", "pair")
    TRUST_FIELD_NUMBER: _ClassVar[int]
    KNOWN_BID_FIELD_NUMBER: _ClassVar[int]
    KNOWN_ASK_FIELD_NUMBER: _ClassVar[int]
    BEST_BID_FIELD_NUMBER: _ClassVar[int]
    BEST_ASK_FIELD_NUMBER: _ClassVar[int]
    PAIR_FIELD_NUMBER: _ClassVar[int]
    trust: VenueState
    known_bid: int
    known_ask: int
    best_bid: int
    best_ask: int
    pair: str
    def __init__(self, trust: _Optional[_Union[VenueState, _Mapping]] = ..., known_bid: _Optional[int] = ..., known_ask: _Optional[int] = ..., best_bid: _Optional[int] = ..., best_ask: _Optional[int] = ..., pair: _Optional[str] = ...) -> None: ...

class Conversion(_message.Message):
    __slots__ = ("quote", "unit", "rule", "pairs", "state", "reason", "bid", "ask", "bid_amount", "ask_amount", "received_ns", "age_ns", "par_ppm", "basis_ppm", "venues")
    QUOTE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BID_FIELD_NUMBER: _ClassVar[int]
    ASK_FIELD_NUMBER: _ClassVar[int]
    BID_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    ASK_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_NS_FIELD_NUMBER: _ClassVar[int]
    AGE_NS_FIELD_NUMBER: _ClassVar[int]
    PAR_PPM_FIELD_NUMBER: _ClassVar[int]
    BASIS_PPM_FIELD_NUMBER: _ClassVar[int]
    VENUES_FIELD_NUMBER: _ClassVar[int]
    quote: str
    unit: str
    rule: ConversionRule
    pairs: _containers.RepeatedScalarFieldContainer[str]
    state: State
    reason: str
    bid: str
    ask: str
    bid_amount: str
    ask_amount: str
    received_ns: int
    age_ns: int
    par_ppm: int
    basis_ppm: int
    venues: _containers.RepeatedCompositeFieldContainer[VenueState]
    def __init__(self, quote: _Optional[str] = ..., unit: _Optional[str] = ..., rule: _Optional[_Union[ConversionRule, str]] = ..., pairs: _Optional[_Iterable[str]] = ..., state: _Optional[_Union[State, str]] = ..., reason: _Optional[str] = ..., bid: _Optional[str] = ..., ask: _Optional[str] = ..., bid_amount: _Optional[str] = ..., ask_amount: _Optional[str] = ..., received_ns: _Optional[int] = ..., age_ns: _Optional[int] = ..., par_ppm: _Optional[int] = ..., basis_ppm: _Optional[int] = ..., venues: _Optional[_Iterable[_Union[VenueState, _Mapping]]] = ...) -> None: ...

class MergedLevel(_message.Message):
    __slots__ = ("price", "amounts")
    PRICE_FIELD_NUMBER: _ClassVar[int]
    AMOUNTS_FIELD_NUMBER: _ClassVar[int]
    price: int
    amounts: _containers.RepeatedCompositeFieldContainer[VenueAmount]
    def __init__(self, price: _Optional[int] = ..., amounts: _Optional[_Iterable[_Union[VenueAmount, _Mapping]]] = ...) -> None: ...

class VenueAmount(_message.Message):
    __slots__ = ("venue", "amount")
    VENUE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    venue: int
    amount: int
    def __init__(self, venue: _Optional[int] = ..., amount: _Optional[int] = ...) -> None: ...

class Clocks(_message.Message):
    __slots__ = ("venue_ns", "received_ns", "applied_ns", "sent_ns")
    VENUE_NS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_NS_FIELD_NUMBER: _ClassVar[int]
    APPLIED_NS_FIELD_NUMBER: _ClassVar[int]
    SENT_NS_FIELD_NUMBER: _ClassVar[int]
    venue_ns: int
    received_ns: int
    applied_ns: int
    sent_ns: int
    def __init__(self, venue_ns: _Optional[int] = ..., received_ns: _Optional[int] = ..., applied_ns: _Optional[int] = ..., sent_ns: _Optional[int] = ...) -> None: ...

class Analytic(_message.Message):
    __slots__ = ("name", "part", "value", "unit", "reason", "incomplete")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    INCOMPLETE_FIELD_NUMBER: _ClassVar[int]
    name: str
    part: str
    value: str
    unit: str
    reason: str
    incomplete: bool
    def __init__(self, name: _Optional[str] = ..., part: _Optional[str] = ..., value: _Optional[str] = ..., unit: _Optional[str] = ..., reason: _Optional[str] = ..., incomplete: _Optional[bool] = ...) -> None: ...

class CostRequest(_message.Message):
    __slots__ = ("pair", "side", "amount", "notional", "venues", "net_of_fees")
    PAIR_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    NOTIONAL_FIELD_NUMBER: _ClassVar[int]
    VENUES_FIELD_NUMBER: _ClassVar[int]
    NET_OF_FEES_FIELD_NUMBER: _ClassVar[int]
    pair: str
    side: str
    amount: str
    notional: str
    venues: _containers.RepeatedScalarFieldContainer[str]
    net_of_fees: bool
    def __init__(self, pair: _Optional[str] = ..., side: _Optional[str] = ..., amount: _Optional[str] = ..., notional: _Optional[str] = ..., venues: _Optional[_Iterable[str]] = ..., net_of_fees: _Optional[bool] = ...) -> None: ...

class Cost(_message.Message):
    __slots__ = ("pair", "sequence", "base", "quote", "unfilled", "average", "worst", "slippage_bps", "fee", "route", "bound", "reason", "venues", "sent_ns", "conversions")
    PAIR_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    QUOTE_FIELD_NUMBER: _ClassVar[int]
    UNFILLED_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_FIELD_NUMBER: _ClassVar[int]
    WORST_FIELD_NUMBER: _ClassVar[int]
    SLIPPAGE_BPS_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VENUES_FIELD_NUMBER: _ClassVar[int]
    SENT_NS_FIELD_NUMBER: _ClassVar[int]
    CONVERSIONS_FIELD_NUMBER: _ClassVar[int]
    pair: str
    sequence: int
    base: str
    quote: str
    unfilled: str
    average: str
    worst: str
    slippage_bps: str
    fee: str
    route: _containers.RepeatedCompositeFieldContainer[VenueCost]
    bound: bool
    reason: str
    venues: _containers.RepeatedCompositeFieldContainer[VenueState]
    sent_ns: int
    conversions: _containers.RepeatedCompositeFieldContainer[Conversion]
    def __init__(self, pair: _Optional[str] = ..., sequence: _Optional[int] = ..., base: _Optional[str] = ..., quote: _Optional[str] = ..., unfilled: _Optional[str] = ..., average: _Optional[str] = ..., worst: _Optional[str] = ..., slippage_bps: _Optional[str] = ..., fee: _Optional[str] = ..., route: _Optional[_Iterable[_Union[VenueCost, _Mapping]]] = ..., bound: _Optional[bool] = ..., reason: _Optional[str] = ..., venues: _Optional[_Iterable[_Union[VenueState, _Mapping]]] = ..., sent_ns: _Optional[int] = ..., conversions: _Optional[_Iterable[_Union[Conversion, _Mapping]]] = ...) -> None: ...

class VenueCost(_message.Message):
    __slots__ = ("venue", "base", "quote", "average", "worst", "fee")
    VENUE_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    QUOTE_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_FIELD_NUMBER: _ClassVar[int]
    WORST_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    venue: str
    base: str
    quote: str
    average: str
    worst: str
    fee: str
    def __init__(self, venue: _Optional[str] = ..., base: _Optional[str] = ..., quote: _Optional[str] = ..., average: _Optional[str] = ..., worst: _Optional[str] = ..., fee: _Optional[str] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ("pairs",)
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, pairs: _Optional[_Iterable[str]] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("pairs", "sent_ns", "started_ns", "version", "streams", "budgets", "closing")
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    SENT_NS_FIELD_NUMBER: _ClassVar[int]
    STARTED_NS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    BUDGETS_FIELD_NUMBER: _ClassVar[int]
    CLOSING_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedCompositeFieldContainer[PairStatus]
    sent_ns: int
    started_ns: int
    version: str
    streams: int
    budgets: _containers.RepeatedCompositeFieldContainer[VenueBudget]
    closing: bool
    def __init__(self, pairs: _Optional[_Iterable[_Union[PairStatus, _Mapping]]] = ..., sent_ns: _Optional[int] = ..., started_ns: _Optional[int] = ..., version: _Optional[str] = ..., streams: _Optional[int] = ..., budgets: _Optional[_Iterable[_Union[VenueBudget, _Mapping]]] = ..., closing: _Optional[bool] = ...) -> None: ...

class PairStatus(_message.Message):
    __slots__ = ("pair", "sequence", "venues", "conversions")
    PAIR_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    VENUES_FIELD_NUMBER: _ClassVar[int]
    CONVERSIONS_FIELD_NUMBER: _ClassVar[int]
    pair: str
    sequence: int
    venues: _containers.RepeatedCompositeFieldContainer[VenueState]
    conversions: _containers.RepeatedCompositeFieldContainer[Conversion]
    def __init__(self, pair: _Optional[str] = ..., sequence: _Optional[int] = ..., venues: _Optional[_Iterable[_Union[VenueState, _Mapping]]] = ..., conversions: _Optional[_Iterable[_Union[Conversion, _Mapping]]] = ...) -> None: ...

class VenueBudget(_message.Message):
    __slots__ = ("venue", "weight_used", "weight_limit", "window_s", "banned_until_ns", "waiting", "connects_used", "connects_limit", "connects_window_s")
    VENUE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_USED_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_LIMIT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_S_FIELD_NUMBER: _ClassVar[int]
    BANNED_UNTIL_NS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    CONNECTS_USED_FIELD_NUMBER: _ClassVar[int]
    CONNECTS_LIMIT_FIELD_NUMBER: _ClassVar[int]
    CONNECTS_WINDOW_S_FIELD_NUMBER: _ClassVar[int]
    venue: str
    weight_used: int
    weight_limit: int
    window_s: int
    banned_until_ns: int
    waiting: int
    connects_used: int
    connects_limit: int
    connects_window_s: int
    def __init__(self, venue: _Optional[str] = ..., weight_used: _Optional[int] = ..., weight_limit: _Optional[int] = ..., window_s: _Optional[int] = ..., banned_until_ns: _Optional[int] = ..., waiting: _Optional[int] = ..., connects_used: _Optional[int] = ..., connects_limit: _Optional[int] = ..., connects_window_s: _Optional[int] = ...) -> None: ...

class TradesRequest(_message.Message):
    __slots__ = ("pairs", "venues", "recent")
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    VENUES_FIELD_NUMBER: _ClassVar[int]
    RECENT_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedScalarFieldContainer[str]
    venues: _containers.RepeatedScalarFieldContainer[str]
    recent: int
    def __init__(self, pairs: _Optional[_Iterable[str]] = ..., venues: _Optional[_Iterable[str]] = ..., recent: _Optional[int] = ...) -> None: ...

class Trades(_message.Message):
    __slots__ = ("trades", "gaps", "missed", "sent_ns", "closing")
    TRADES_FIELD_NUMBER: _ClassVar[int]
    GAPS_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    SENT_NS_FIELD_NUMBER: _ClassVar[int]
    CLOSING_FIELD_NUMBER: _ClassVar[int]
    trades: _containers.RepeatedCompositeFieldContainer[Trade]
    gaps: _containers.RepeatedCompositeFieldContainer[TradeGap]
    missed: int
    sent_ns: int
    closing: bool
    def __init__(self, trades: _Optional[_Iterable[_Union[Trade, _Mapping]]] = ..., gaps: _Optional[_Iterable[_Union[TradeGap, _Mapping]]] = ..., missed: _Optional[int] = ..., sent_ns: _Optional[int] = ..., closing: _Optional[bool] = ...) -> None: ...

class Trade(_message.Message):
    __slots__ = ("venue", "pair", "price", "amount", "taker", "id", "venue_ns", "received_ns", "applied_ns", "sequence")
    VENUE_FIELD_NUMBER: _ClassVar[int]
    PAIR_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    TAKER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VENUE_NS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_NS_FIELD_NUMBER: _ClassVar[int]
    APPLIED_NS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    venue: str
    pair: str
    price: str
    amount: str
    taker: Taker
    id: str
    venue_ns: int
    received_ns: int
    applied_ns: int
    sequence: int
    def __init__(self, venue: _Optional[str] = ..., pair: _Optional[str] = ..., price: _Optional[str] = ..., amount: _Optional[str] = ..., taker: _Optional[_Union[Taker, str]] = ..., id: _Optional[str] = ..., venue_ns: _Optional[int] = ..., received_ns: _Optional[int] = ..., applied_ns: _Optional[int] = ..., sequence: _Optional[int] = ...) -> None: ...

class TradeGap(_message.Message):
    __slots__ = ("venue", "pair", "sequence", "from_ns", "until_ns", "missing", "reason")
    VENUE_FIELD_NUMBER: _ClassVar[int]
    PAIR_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    FROM_NS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_NS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    venue: str
    pair: str
    sequence: int
    from_ns: int
    until_ns: int
    missing: int
    reason: str
    def __init__(self, venue: _Optional[str] = ..., pair: _Optional[str] = ..., sequence: _Optional[int] = ..., from_ns: _Optional[int] = ..., until_ns: _Optional[int] = ..., missing: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class PairsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Pairs(_message.Message):
    __slots__ = ("pairs", "default_pair", "groups")
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_PAIR_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedCompositeFieldContainer[PairInfo]
    default_pair: str
    groups: _containers.RepeatedCompositeFieldContainer[QuoteGroup]
    def __init__(self, pairs: _Optional[_Iterable[_Union[PairInfo, _Mapping]]] = ..., default_pair: _Optional[str] = ..., groups: _Optional[_Iterable[_Union[QuoteGroup, _Mapping]]] = ...) -> None: ...

class QuoteGroup(_message.Message):
    __slots__ = ("name", "unit", "members")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    unit: str
    members: _containers.RepeatedCompositeFieldContainer[GroupMember]
    def __init__(self, name: _Optional[str] = ..., unit: _Optional[str] = ..., members: _Optional[_Iterable[_Union[GroupMember, _Mapping]]] = ...) -> None: ...

class GroupMember(_message.Message):
    __slots__ = ("quote", "rule")
    QUOTE_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    quote: str
    rule: ConversionRule
    def __init__(self, quote: _Optional[str] = ..., rule: _Optional[_Union[ConversionRule, str]] = ...) -> None: ...

class PairInfo(_message.Message):
    __slots__ = ("pair", "base", "quote", "price_decimals", "amount_decimals", "listings")
    PAIR_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    QUOTE_FIELD_NUMBER: _ClassVar[int]
    PRICE_DECIMALS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_DECIMALS_FIELD_NUMBER: _ClassVar[int]
    LISTINGS_FIELD_NUMBER: _ClassVar[int]
    pair: str
    base: str
    quote: str
    price_decimals: int
    amount_decimals: int
    listings: _containers.RepeatedCompositeFieldContainer[Listing]
    def __init__(self, pair: _Optional[str] = ..., base: _Optional[str] = ..., quote: _Optional[str] = ..., price_decimals: _Optional[int] = ..., amount_decimals: _Optional[int] = ..., listings: _Optional[_Iterable[_Union[Listing, _Mapping]]] = ...) -> None: ...

class Listing(_message.Message):
    __slots__ = ("venue", "symbol", "tick_size", "lot_size", "min_notional", "routed_from")
    VENUE_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    TICK_SIZE_FIELD_NUMBER: _ClassVar[int]
    LOT_SIZE_FIELD_NUMBER: _ClassVar[int]
    MIN_NOTIONAL_FIELD_NUMBER: _ClassVar[int]
    ROUTED_FROM_FIELD_NUMBER: _ClassVar[int]
    venue: str
    symbol: str
    tick_size: str
    lot_size: str
    min_notional: str
    routed_from: str
    def __init__(self, venue: _Optional[str] = ..., symbol: _Optional[str] = ..., tick_size: _Optional[str] = ..., lot_size: _Optional[str] = ..., min_notional: _Optional[str] = ..., routed_from: _Optional[str] = ...) -> None: ...

class PairNames(_message.Message):
    __slots__ = ("pairs",)
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, pairs: _Optional[_Iterable[str]] = ...) -> None: ...

class VenueNames(_message.Message):
    __slots__ = ("venues",)
    VENUES_FIELD_NUMBER: _ClassVar[int]
    venues: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, venues: _Optional[_Iterable[str]] = ...) -> None: ...

class ReloadRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Changes(_message.Message):
    __slots__ = ("changed", "unchanged", "refused", "note")
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    changed: _containers.RepeatedCompositeFieldContainer[Change]
    unchanged: _containers.RepeatedCompositeFieldContainer[Change]
    refused: _containers.RepeatedCompositeFieldContainer[Change]
    note: str
    def __init__(self, changed: _Optional[_Iterable[_Union[Change, _Mapping]]] = ..., unchanged: _Optional[_Iterable[_Union[Change, _Mapping]]] = ..., refused: _Optional[_Iterable[_Union[Change, _Mapping]]] = ..., note: _Optional[str] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("subject", "what")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    subject: str
    what: str
    def __init__(self, subject: _Optional[str] = ..., what: _Optional[str] = ...) -> None: ...
