"""Timings and currents of a DRAM device, under their data-sheet names."""

from __future__ import annotations

from pydantic import Field, model_validator

from accel_sim.arch.spec import Count, Natural, NonNegative, Positive, Spec
from accel_sim.config import KeyFaultError


class DramTiming(Spec):
    """Clocks between commands; the keys in a file are the JEDEC names.

    ``_S`` holds between bank groups, ``_L`` within one; with a single group ``_S`` holds everywhere.

    Parameters
    ----------
    al, cl, cwl
        Additive latency; from a read (write) to its first data.
    rcd_read, rcd_write
        tRCDRD, tRCDWR: from opening a row to a read (write).
    rp, ras, rc
        tRP, tRAS, tRC: closing a row; the least time it is open; from opening to opening in one bank.
    rrd_s, rrd_l, faw
        tRRD_S, tRRD_L, tFAW: between openings in one rank; window of four openings.
    ccd_s, ccd_l, ccd_l_write
        tCCD_S, tCCD_L, tCCD_L_WR: between column commands; the last between writes, tCCD_L if not given.
    wtr_s, wtr_l
        tWTR_S, tWTR_L: from the last data of a write to a read.
    rtp, wr
        tRTP, tWR: from a read (last data of a write) to closing the row.
    rfc, refi
        tRFC, tREFI: length of a refresh; between refreshes of one rank.
    rtrs
        tRTRS: idle clocks of the data bus when it changes direction or rank.
    ppd
        tPPD: between precharges in one rank.
    """

    al: Natural = Field(default=0, alias="AL")
    cl: Count = Field(alias="CL")
    cwl: Count = Field(alias="CWL")
    rcd_read: Count = Field(alias="tRCDRD")
    rcd_write: Count = Field(alias="tRCDWR")
    rp: Count = Field(alias="tRP")
    ras: Count = Field(alias="tRAS")
    rc: Count = Field(alias="tRC")
    rrd_s: Count = Field(alias="tRRD_S")
    rrd_l: Count = Field(alias="tRRD_L")
    faw: Natural = Field(alias="tFAW")
    ccd_s: Count = Field(alias="tCCD_S")
    ccd_l: Count = Field(alias="tCCD_L")
    ccd_l_write: Count | None = Field(default=None, alias="tCCD_L_WR")
    wtr_s: Natural = Field(alias="tWTR_S")
    wtr_l: Natural = Field(alias="tWTR_L")
    rtp: Count = Field(alias="tRTP")
    wr: Natural = Field(alias="tWR")
    rfc: Count = Field(alias="tRFC")
    refi: Count = Field(alias="tREFI")
    rtrs: Natural = Field(alias="tRTRS")
    ppd: Natural = Field(default=0, alias="tPPD")

    @model_validator(mode="after")
    def _check_contradictions(self) -> DramTiming:
        faults = []
        if self.rc < self.ras + self.rp:
            faults.append(("tRC", f"found {self.rc}; a row cycle takes at least tRAS + tRP = {self.ras + self.rp}"))
        if self.ras < max(self.rcd_read, self.rcd_write):
            needed = max(self.rcd_read, self.rcd_write)
            faults.append(("tRAS", f"found {self.ras}; a row is open at least until its first access, tRCD = {needed}"))
        for name, short, long in (
            ("tRRD", self.rrd_s, self.rrd_l),
            ("tCCD", self.ccd_s, self.ccd_l),
            ("tWTR", self.wtr_s, self.wtr_l),
        ):
            if long < short:
                faults.append((f"{name}_L", f"found {long}; within a bank group at least {name}_S = {short}"))
        if self.ccd_l_write is not None and self.ccd_l_write < self.ccd_l:
            faults.append(("tCCD_L_WR", f"found {self.ccd_l_write}; allowed: at least tCCD_L = {self.ccd_l}"))
        if self.refi <= self.rfc + self.rp:
            faults.append(("tREFI", f"found {self.refi}; between two refreshes of tRFC = {self.rfc} no time is left"))
        if self.al >= min(self.rcd_read, self.rcd_write):
            faults.append(("AL", f"found {self.al}; allowed: less than tRCD"))
        if faults:
            raise KeyFaultError(*faults)
        return self


class IddCurrents(Spec):
    """Supply currents of one device in mA, by their JEDEC names."""

    idd0: Positive = Field(alias="IDD0")
    idd2n: NonNegative = Field(alias="IDD2N")
    idd3n: NonNegative = Field(alias="IDD3N")
    idd4r: Positive = Field(alias="IDD4R")
    idd4w: Positive = Field(alias="IDD4W")
    idd5ab: Positive = Field(alias="IDD5AB")


class DramCurrents(Spec):
    """Voltage and currents, for energy.

    Parameters
    ----------
    idd_set
        Which set of currents this is; named in results.
    vdd_v
        Supply voltage.
    idd_ma
        Currents of one device: IDD0 opening and closing one bank over and over, IDD2N all rows closed, IDD3N a row
        open, IDD4R and IDD4W gapless reads and writes, IDD5AB gapless refreshes.
    """

    idd_set: str = Field(min_length=1)
    vdd_v: Positive
    idd_ma: IddCurrents
