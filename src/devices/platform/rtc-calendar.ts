// SPDX-License-Identifier: BSD-2-Clause
// Dates, and how the MC146818's registers spell them: BCD or binary, 24 or 12 hours. Motorola MC146818A data sheet,
// table 3. The century is at 0x32, in the same format, as bhyve's FADT says. Dates are proleptic Gregorian, years
// 0 to 9999.

/** Register numbers of the time, in the order seconds, minutes, hours, day of week, day, month, year, century. */
export const RTC_SECONDS = 0x00;
export const RTC_MINUTES = 0x02;
export const RTC_HOURS = 0x04;
export const RTC_WEEKDAY = 0x06;
export const RTC_DAY = 0x07;
export const RTC_MONTH = 0x08;
export const RTC_YEAR = 0x09;
export const RTC_CENTURY = 0x32;

/** The bits of register B that say how numbers are spelt. */
export const RTC_B_BINARY = 0x04;
export const RTC_B_24_HOURS = 0x02;
const PM = 0x80;

const SECONDS_PER_DAY = 86_400;
const DAYS_PER_400_YEARS = 146_097;
/** From 0000-03-01 to 1970-01-01. */
const DAYS_TO_1970 = 719_468;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** A number 0 … 99 as `registerB` says to write it. */
function spell(value: number, registerB: number): number {
  if ((registerB & RTC_B_BINARY) !== 0) return value;
  return (Math.floor(value / 10) << 4) | (value % 10);
}

/** The number a byte means, -1 if it is not two decimal digits in BCD. */
function parse(byte: number, registerB: number): number {
  if ((registerB & RTC_B_BINARY) !== 0) return byte;
  const high = byte >>> 4;
  const low = byte & 0xf;
  return high > 9 || low > 9 ? -1 : 10 * high + low;
}

function spellHour(hour: number, registerB: number): number {
  if ((registerB & RTC_B_24_HOURS) !== 0) return spell(hour, registerB);
  return spell(hour % 12 === 0 ? 12 : hour % 12, registerB) | (hour >= 12 ? PM : 0);
}

/** The hour, 0 … 23, that a byte of the hours or of the hours alarm means; -1 if none. */
function parseHour(byte: number, registerB: number): number {
  if ((registerB & RTC_B_24_HOURS) !== 0) return inRange(parse(byte, registerB), 0, 23);
  const hour = inRange(parse(byte & ~PM, registerB), 1, 12);
  if (hour < 0) return -1;
  return (hour % 12) + ((byte & PM) !== 0 ? 12 : 0);
}

/** The minute or second, 0 … 59, that a byte means; -1 if none. */
function parseSixtieth(byte: number, registerB: number): number {
  return inRange(parse(byte, registerB), 0, 59);
}

/** Writes a time, in seconds since 1970 of the clock's own zone, into the registers. */
export function spellTime(seconds: number, registers: Uint8Array, registerB: number): void {
  const days = Math.floor(seconds / SECONDS_PER_DAY);
  const rest = seconds - days * SECONDS_PER_DAY;
  const { year, month, day } = dateOfDay(days);
  registers[RTC_SECONDS] = spell(rest % 60, registerB);
  registers[RTC_MINUTES] = spell(Math.floor(rest / 60) % 60, registerB);
  registers[RTC_HOURS] = spellHour(Math.floor(rest / 3600), registerB);
  // 1970-01-01 was a Thursday; Sunday is 1.
  registers[RTC_WEEKDAY] = spell(((((days + 4) % 7) + 7) % 7) + 1, registerB);
  registers[RTC_DAY] = spell(day, registerB);
  registers[RTC_MONTH] = spell(month, registerB);
  registers[RTC_YEAR] = spell(year % 100, registerB);
  registers[RTC_CENTURY] = spell(Math.floor(year / 100) % 100, registerB);
}

/** The time the registers spell; `undefined` if it does not exist. The day of the week is not looked at. */
export function parseTime(registers: Uint8Array, registerB: number): number | undefined {
  const second = parseSixtieth(registers[RTC_SECONDS], registerB);
  const minute = parseSixtieth(registers[RTC_MINUTES], registerB);
  const hour = parseHour(registers[RTC_HOURS], registerB);
  const month = inRange(parse(registers[RTC_MONTH], registerB), 1, 12);
  const yearOfCentury = inRange(parse(registers[RTC_YEAR], registerB), 0, 99);
  const century = inRange(parse(registers[RTC_CENTURY], registerB), 0, 99);
  if (Math.min(second, minute, hour, month, yearOfCentury, century) < 0) return undefined;
  const year = 100 * century + yearOfCentury;
  const day = inRange(parse(registers[RTC_DAY], registerB), 1, daysIn(month, year));
  if (day < 0) return undefined;
  return dayOfDate(year, month, day) * SECONDS_PER_DAY + 3600 * hour + 60 * minute + second;
}

/** The alarm's bytes as numbers: -1 for "any" (0xC0 and above), `undefined` if one of them matches no time. */
export interface Alarm {
  readonly second: number;
  readonly minute: number;
  readonly hour: number;
}

const ANY = -1;
const DONT_CARE = 0xc0;

export function parseAlarm(
  second: number,
  minute: number,
  hour: number,
  registerB: number,
): Alarm | undefined {
  const alarm = {
    second: second >= DONT_CARE ? ANY : parseSixtieth(second, registerB),
    minute: minute >= DONT_CARE ? ANY : parseSixtieth(minute, registerB),
    hour: hour >= DONT_CARE ? ANY : parseHour(hour, registerB),
  };
  const isPossible =
    (alarm.second >= 0 || second >= DONT_CARE) &&
    (alarm.minute >= 0 || minute >= DONT_CARE) &&
    (alarm.hour >= 0 || hour >= DONT_CARE);
  return isPossible ? alarm : undefined;
}

/** The first second, `from` or later, that the alarm matches: always within a day. */
export function nextAlarm(alarm: Alarm, from: number): number {
  const midnight = Math.floor(from / SECONDS_PER_DAY) * SECONDS_PER_DAY;
  const today = firstMatch(alarm, from - midnight);
  if (today >= 0) return midnight + today;
  return midnight + SECONDS_PER_DAY + firstMatch(alarm, 0);
}

/** The first matching second of the day at or after `from`, -1 if there is none. */
function firstMatch(alarm: Alarm, from: number): number {
  for (let hour = Math.floor(from / 3600); hour < 24; hour++) {
    if (alarm.hour !== ANY && alarm.hour !== hour) continue;
    const inHour = Math.max(0, from - 3600 * hour);
    for (let minute = Math.floor(inHour / 60); minute < 60; minute++) {
      if (alarm.minute !== ANY && alarm.minute !== minute) continue;
      const inMinute = Math.max(0, inHour - 60 * minute);
      const second = alarm.second === ANY ? inMinute : alarm.second;
      if (second >= inMinute) return 3600 * hour + 60 * minute + second;
    }
  }
  return -1;
}

function inRange(value: number, low: number, high: number): number {
  return value >= low && value <= high ? value : -1;
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function daysIn(month: number, year: number): number {
  return month === 2 && isLeapYear(year) ? 29 : MONTH_DAYS[month - 1]!;
}

// Years that begin in March put the leap day last, so that the months before it have fixed offsets.

function dayOfDate(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * DAYS_PER_400_YEARS + dayOfEra - DAYS_TO_1970;
}

function dateOfDay(days: number): { year: number; month: number; day: number } {
  const shifted = days + DAYS_TO_1970;
  const era = Math.floor(shifted / DAYS_PER_400_YEARS);
  const dayOfEra = shifted - era * DAYS_PER_400_YEARS;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return {
    year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  };
}
