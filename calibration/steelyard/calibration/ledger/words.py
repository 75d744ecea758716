"""The words of closed sets as people write them in a ledger, in English and in Chinese.

The Chinese terms are those of JJF 1001-2011 and of certificates (检定证书, 检定结果通知书), with what stands in ledgers
beside them.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from steelyard.calibration.errors import LedgerError
from steelyard.calibration.ledger.cells import plain
from steelyard.calibration.verification.devices import DeviceState, Use
from steelyard.calibration.verification.events import Decision, EventKind
from steelyard.calibration.verification.regime import Regime

W = TypeVar("W", bound=StrEnum)


def _key(text: str) -> str:
    return "".join(letter for letter in plain(text).casefold() if letter.isalnum())


class Words(Generic[W]):
    """The members of a closed set, each with the words that mean it."""

    def __init__(self, synonyms: Mapping[W, str], *, unlike: str = "") -> None:
        """Take the words of each member, separated by spaces; its own value is one of them.

        `unlike` are words that look like some of these and mean none of them: nothing is suggested in their place.
        """
        self._unlike = frozenset(map(_key, unlike.split()))
        self.members = tuple(synonyms)
        self._known = {
            _key(word): member for member, words in synonyms.items() for word in (member.value, *words.split())
        }

    def meant(self, text: str, field: str) -> W:
        """The member that a person means. Raises LedgerError with the nearest words."""
        key = _key(text)
        found = self._known.get(key)
        if found is not None:
            return found
        near = [] if key in self._unlike else difflib.get_close_matches(key, self._known, n=2, cutoff=0.6)
        nearest = " or ".join(dict.fromkeys(self._known[each].value for each in near))
        choices = ", ".join(member.value for member in self.members)
        raise LedgerError(field, text, f"{f'did you mean {nearest}? ' if near else ''}give one of {choices}")


EVENT_KINDS = Words[EventKind](
    {
        EventKind.FIRST_VERIFICATION: "首次检定 首检 initial_verification",
        EventKind.SUBSEQUENT_VERIFICATION: "后续检定 周期检定 检定 周检 verification periodic_verification",
        EventKind.AFTER_REPAIR: "修理后检定 维修后检定 修后检定 verification_after_repair",
        EventKind.ARBITRATION: "仲裁检定 arbitration_verification",
        EventKind.INTERIM: "期间检定 中间检定 使用中检查 使用中检验 interim_verification in_service_inspection",
        EventKind.CALIBRATION: "校准 calibrated",
        EventKind.INTERMEDIATE_CHECK: "期间核查 核查 interim_check",
        EventKind.REPAIR: "修理 维修 检修 repaired",
        EventKind.SEAL_OPENED: "启封 铅封破坏 封印破坏 拆封 seal_broken",
    }
)
DECISIONS = Words[Decision](
    {
        Decision.PASSED: "合格 符合 通过 pass ok conforms",
        Decision.FAILED: "不合格 不符合 未通过 fail not_ok nonconforming",
        Decision.LIMITED: "准用 降级 限用 降级使用 限制使用 准用/降级 downgraded restricted",
        Decision.NOT_TESTABLE: "无法检定 不能检定 未检 cannot_be_tested",
        Decision.NONE: "无 不判定 仅给数据 未判定 no_decision n/a",
    },
    # Whoever writes "basically passed" has not said what was decided.
    unlike="基本合格 大致合格 部分合格 暂合格 待合格 合格否 基本符合 部分符合 未合格",
)
USES = Words[Use](
    {
        Use.TRADE: "贸易结算 贸易 trade_settlement",
        Use.SAFETY: "安全防护 安全 safety_protection",
        Use.MEDICAL: "医疗卫生 医疗 medical_care health",
        Use.ENVIRONMENT: "环境监测 环境 环保 environmental_monitoring",
        Use.NONE: "无 其他 其它 自用 内部 非强检 own internal other",
    }
)
STATES = Words[DeviceState](
    {
        DeviceState.IN_USE: "在用 使用 使用中 正常 active in_service",
        DeviceState.STORED: "封存 库存 备用 storage spare",
        DeviceState.UNDER_REPAIR: "在修 维修中 修理中 待修 repair in_repair",
        DeviceState.OUT_OF_SERVICE: "停用 禁用 disabled",
        DeviceState.SCRAPPED: "报废 已报废 scrap retired",
    }
)
REGIMES = Words[Regime](
    {
        Regime.FIRST_SCRAP: "首检失准报废 失准报废 只作首次强制检定失准报废",
        Regime.FIRST_LIMITED: "首检到期轮换 到期轮换 限期使用到期轮换 只作首次强制检定限期使用到期轮换",
        Regime.PERIODIC: "周期检定 周检",
        Regime.VOLUNTARY: "校准 自愿 非强制 非强检 自主管理 calibration",
    }
)
_MANDATORY = frozenset({"强检", "强制检定", "强制", "mandatory"})


def regime_meant(text: str, field: str) -> Regime | None:
    """The regime that a cell lays down; None where it only says that the law controls the instrument, and not how."""
    return None if _key(text) in _MANDATORY else REGIMES.meant(text, field)
