"""The edge's Kamailio configuration and tables, from a template. Pure, but for reading the template."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files

from media.edge.addresses import LOOPBACK
from media.edge.model import CONTACT_PREFIX, FULL_REASONS, REALM, EdgeSettings, EdgeTrunk, TcpListen

_PLACE = re.compile(r"@(\w+)@")
_MODULES = "/usr/lib/x86_64-linux-gnu/kamailio/modules:/usr/lib64/kamailio/modules:/usr/lib/kamailio/modules"
_SAFE = re.compile(r"[A-Za-z0-9._~%:/+ -]*\Z")

LOCATION = (
    "id(int,auto) ruid(string) username(string) domain(string,null) contact(string) received(string,null) "
    "path(string,null) expires(int) q(double) callid(string) cseq(int) last_modified(int) flags(int) "
    "cflags(int) user_agent(string) socket(string,null) methods(int,null) instance(string,null) reg_id(int) "
    "server_id(int) connection_id(int) keepalive(int) partition(int) \n"
)
UACREG = (
    "id(int,auto) l_uuid(string) l_username(string) l_domain(string) r_username(string) r_domain(string) "
    "realm(string) auth_username(string) auth_password(string) auth_ha1(string) auth_proxy(string) "
    "expires(int) flags(int) reg_delay(int) contact_addr(string) socket(string) \n"
)
VERSION = "id(int,auto) table_name(string) table_version(int) \n0:version:1\n0:location:9\n0:uacreg:5\n"
TABLES = {"version": VERSION, "location": LOCATION, "uacreg": UACREG}
"""The text tables as they are before anybody has registered, by file name."""


def render(settings: EdgeSettings, rpc_socket: str) -> str:
    """The configuration file. `ValueError` when a setting cannot stand in it."""
    first, last = settings.listens[0], settings.worker_first + settings.workers - 1
    values = {
        "listens": _listens(settings),
        "tcp": _tcp(settings.tcp),
        "modules": _MODULES,
        "rpc_socket": rpc_socket,
        "folder": str(settings.folder),
        "tables": str(settings.folder / "tables"),
        "first_listen": str(first),
        "worker_first": str(settings.worker_first),
        "worker_last": str(last),
        "workers": str(settings.workers),
        "worker_rate": str(settings.worker_rate),
        "source_rate": str(settings.source_rate),
        "trunk_rate": str(settings.trunk_rate),
        "retry_after_s": str(settings.retry_after_s),
        "retry_s": str(settings.registration_retry_s),
        "user_agent": settings.user_agent,
        "worker_ports": f"({number_range(settings.worker_first, last)})",
        "realm": REALM,
        "token_prefix": CONTACT_PREFIX,
        "networks": _networks(settings),
        "trunks": "\n".join(_trunk(trunk) for trunk in settings.trunks),
        "contacts": "\n".join(_contact(trunk) for trunk in settings.trunks if trunk.token),
        "accept": "    return;" if settings.accept_any else "    if ($avp(local) == 1) return;",
        "out": _out(settings),
        "out_trunks": "\n".join(_out_trunk(trunk) for trunk in settings.trunks if trunk.password),
        "record_route": _record_route(settings),
        "record_route_out": _record_route_out(settings),
    }
    for name in ("rpc_socket", "folder", "user_agent"):
        _safe(values[name])
    template = (files("media.edge") / "kamailio.cfg").read_text(encoding="utf-8")
    return _PLACE.sub(lambda match: values[match.group(1)], template)


def number_range(first: int, last: int) -> str:
    """A regular expression that matches the numbers from `first` to `last`, both with as many digits."""
    low, high = str(first), str(last)
    if len(low) != len(high) or first > last:
        raise ValueError(f"{first} to {last} is no range of numbers with as many digits")
    if low == high:
        return low
    same = next(at for at, (a, b) in enumerate(zip(low, high, strict=True)) if a != b)
    head, size = low[:same], len(low) - same - 1
    if size == 0:
        return f"{head}[{low[-1]}-{high[-1]}]"
    lower, upper = int(low[same]), int(high[same])
    parts = [number_range(first, int(f"{head}{lower}{'9' * size}"))]
    if upper - lower > 1:
        parts.append(f"{head}[{lower + 1}-{upper - 1}]" + "[0-9]" * size)
    parts.append(number_range(int(f"{head}{upper}{'0' * size}"), last))
    return "|".join(parts)


def _safe(text: str) -> str:
    """Text that stands in a quoted string and means itself there."""
    if not _SAFE.match(text):
        raise ValueError(f"{text!r} cannot stand in the edge's configuration")
    return text


def _listens(settings: EdgeSettings) -> str:
    lines = [f"listen=udp:{listen}" for listen in settings.listens]
    if settings.public_host is not None:
        ports = sorted({listen.port for listen in settings.listens})
        lines += [f'alias="udp:{settings.public_host}:{port}"' for port in ports]
    return "\n".join(lines)


def _tcp(listens: tuple[TcpListen, ...]) -> str:
    """TCP behind the gate alone (`gate.py`). Kamailio makes no connections, or whoever is named in a Contact
    could have it read from him."""
    if not listens:
        return "disable_tcp=yes"
    inner = [f"listen=tcp:{LOOPBACK}:{one.inner_port} advertise {one.host}:{one.port}" for one in listens]
    kept = ("tcp_children=1", "tcp_accept_haproxy=yes", "tcp_no_connect=yes", "tcp_connection_lifetime=7200")
    return "\n".join((*kept, *inner))


def _networks(settings: EdgeSettings) -> str:
    near = _is_from(["127.0.0.0/8", *settings.local_networks])
    lines = ['    $avp(side) = $RAi + ":" + $RAp;', f"    if ({near}) $avp(local) = 1;"]
    if settings.public_host is not None:
        lines.append('    if ($avp(local) == 0) $avp(side) = "public-" + $RAi + ":" + $RAp;')
    return "\n".join(lines)


def _is_from(networks: Iterable[str]) -> str:
    return " || ".join(f"src_ip == {_safe(network)}" for network in networks)


def _trunk(trunk: EdgeTrunk) -> str:
    here = f"$sht(places=>{_safe(trunk.name)}) == $si"
    near = f"{here} || {_is_from(trunk.networks)}" if trunk.networks else here
    return f'    if ($avp(trunk) == "" && ({near})) {{ {_known(trunk)} }}'


def _known(trunk: EdgeTrunk) -> str:
    """What follows from a message being this trunk's."""
    told = {
        "trunk": f'"{_safe(trunk.name)}"',
        "trusted": str(int(trunk.trusted)),
        "full_code": str(trunk.full_code),
        "full_reason": f'"{FULL_REASONS[trunk.full_code]}"',
    }
    return " ".join(f"$avp({name}) = {value};" for name, value in told.items())


def _out_trunk(trunk: EdgeTrunk) -> str:
    """Whose credentials answer a challenge from there, when the call does not say."""
    near = [f"$sht(places=>{_safe(trunk.name)}) == $dd"]
    near += [f'is_in_subnet("$dd", "{_safe(network)}")' for network in trunk.networks]
    return f'    if ($avp(out_trunk) == "" && ({" || ".join(near)})) $avp(out_trunk) = "{_safe(trunk.name)}";'


def _contact(trunk: EdgeTrunk) -> str:
    return f"""    if ($rU == "{_safe(trunk.token)}") {{
        {_known(trunk)}
        $sht(peers=>$si) = 1;
        uac_reg_lookup("$rU", "$ru");
        return;
    }}"""


def _is_near(settings: EdgeSettings) -> str:
    networks = ",".join(["127.0.0.0/8", *settings.local_networks])
    return (
        f'is_ip("$nh(d)") && is_in_subnet("$nh(d)", "{_safe(networks.replace(",", " ")).replace(" ", ",")}")'
    )


def _out(settings: EdgeSettings) -> str:
    if settings.public_host is None:
        return ""
    return f'    if (!({_is_near(settings)})) set_advertised_address("{settings.public_host}");'


def _record_route(settings: EdgeSettings) -> str:
    inner = "$RAi:$RAp;r2=on;w=$var(slot)"
    one = 'record_route_preset("$RAi:$RAp;w=$var(slot)");'
    lines = [f"    {one}"]
    if settings.public_host is not None:
        two = f'record_route_preset("{inner}", "{settings.public_host}:$RAp;r2=on;w=$var(slot)");'
        lines = [f"    if ($avp(local) == 1) {{ {one} }} else {{ {two} }}"]
    if settings.tcp:
        shown = "$RAi" if settings.public_host is None else "$var(shown)"
        two = f'record_route_preset("{inner}", "{shown}:$RAp;transport=tcp;r2=on;w=$var(slot)");'
        name = f'$var(shown) = $RAi; if ($avp(local) == 0) $var(shown) = "{settings.public_host}";'
        name = "" if settings.public_host is None else f"{name} "
        lines = [f'    if ($proto == "tcp") {{ {name}{two} return; }}', *lines]
    return "\n".join(lines)


def _record_route_out(settings: EdgeSettings) -> str:
    one = 'record_route_preset("$RAi:$RAp;w=$var(slot)$var(mark)");'
    if settings.public_host is None:
        return f"    {one}"
    outer = f"{settings.public_host}:$RAp;r2=on;w=$var(slot)$var(mark)"
    two = f'record_route_preset("{outer}", "$RAi:$RAp;r2=on;w=$var(slot)$var(mark)");'
    return f"    if ({_is_near(settings)}) {{ {one} }} else {{ {two} }}"
