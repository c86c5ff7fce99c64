/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time. A PC has many clocks, and only the oldest says how fast it runs: the 8254 counts at 1,193,182 Hz,
 * whatever the machine. It measures the two that are better: the TSC, which is read by an instruction, and the
 * local APIC's timer, which then ticks. The time of day comes from a battery-backed chip, the MC146818.
 */
#include "clock.h"

#include "apic.h"
#include "command.h"
#include "printf.h"
#include "string.h"

#define PIT_HZ 1193182ul
#define PIT_COUNTER_0 0x40
#define PIT_CONTROL 0x43
#define PIT_ONE_SHOT 0x30 /* counter 0, low then high byte, mode 0: interrupt on terminal count */
#define PIT_LATCH 0x00
#define PIT_READ_STATUS 0xe2 /* of counter 0 */
#define PIT_NULL_COUNT 0x40
#define PIT_TOP 65536u
#define PIT_IRQ 0

#define RTC_INDEX 0x70
#define RTC_DATA 0x71
enum { RTC_SECONDS = 0, RTC_MINUTES = 2, RTC_HOURS = 4, RTC_DAY = 7, RTC_MONTH = 8, RTC_YEAR = 9, RTC_STATUS_A = 10, RTC_CENTURY = 0x32 };
#define RTC_UPDATING 0x80

static volatile uint64_t ticks;
static volatile bool has_counted;
static uint64_t tsc_hz, timer_hz, tsc_start;

static void counted(void *unused) {
    (void)unused;
    has_counted = true;
}

static void tick(void *unused) {
    (void)unused;
    ticks++;
}

struct sample {
    uint64_t tsc;
    uint32_t pit, timer; /* both count down */
};

/* All three clocks at about the same time. The 8254's counter is read as it was at the latch command. */
static struct sample sample(void) {
    struct sample now;
    outb(PIT_CONTROL, PIT_LATCH);
    now.tsc = rdtsc();
    now.timer = lapic_timer_left();
    now.pit = inb(PIT_COUNTER_0);
    now.pit |= (uint32_t)inb(PIT_COUNTER_0) << 8;
    return now;
}

/*
 * Sleeps while the 8254 counts to zero, which takes 55 ms. What wakes the processor may come late, so the
 * counter is asked how late: below zero it goes on from the top.
 */
static void calibrate(void) {
    uint8_t vector = isa_interrupt_establish(PIT_IRQ, counted, NULL);
    interrupts_disable();
    lapic_timer_start(UINT32_MAX, vector, false); /* it will not get to its end */
    outb(PIT_CONTROL, PIT_ONE_SHOT);
    outb(PIT_COUNTER_0, 0); /* 0 is 65536 */
    outb(PIT_COUNTER_0, 0);
    /* The chip takes the count over with its next pulse; until then it shows the one before. */
    do outb(PIT_CONTROL, PIT_READ_STATUS);
    while ((inb(PIT_COUNTER_0) & PIT_NULL_COUNT) != 0);
    sample(); /* the first time, anything takes longer */
    struct sample begin = sample();
    while (!has_counted) cpu_sleep();
    struct sample end = sample();
    interrupts_enable();
    isa_interrupt_mask(PIT_IRQ);
    /* From 65536, which reads as 0, down to 0; then from 65535 on. */
    uint64_t elapsed = (begin.pit == 0 ? PIT_TOP : begin.pit) + (-end.pit & (PIT_TOP - 1));
    tsc_hz = (end.tsc - begin.tsc) * PIT_HZ / elapsed;
    timer_hz = (begin.timer - end.timer) * PIT_HZ / elapsed;
}

void clock_init(void) {
    calibrate();
    printf("Clocks: TSC %lu.%02lu MHz, APIC timer %lu.%02lu MHz, %u ticks a second\n", tsc_hz / 1000000,
           tsc_hz / 10000 % 100, timer_hz / 1000000, timer_hz / 10000 % 100, TICKS_PER_SECOND);
    tsc_start = rdtsc();
    lapic_timer_start((uint32_t)(timer_hz / TICKS_PER_SECOND), interrupt_establish(tick, NULL), true);
}

uint64_t clock_microseconds(void) {
    uint64_t elapsed = rdtsc() - tsc_start;
    return elapsed / tsc_hz * 1000000 + elapsed % tsc_hz * 1000000 / tsc_hz;
}

static unsigned rtc_read(uint8_t index) {
    outb(RTC_INDEX, index);
    uint8_t bcd = inb(RTC_DATA);
    return bcd / 16u * 10 + bcd % 16u;
}

/* Prints the date and time. An update may begin at any moment: read until two readings agree. */
static void print_date(void) {
    static const uint8_t indexes[] = {RTC_CENTURY, RTC_YEAR, RTC_MONTH, RTC_DAY, RTC_HOURS, RTC_MINUTES, RTC_SECONDS};
    unsigned now[sizeof(indexes)], before[sizeof(indexes)] = {0};
    for (;;) {
        do outb(RTC_INDEX, RTC_STATUS_A);
        while ((inb(RTC_DATA) & RTC_UPDATING) != 0);
        for (unsigned i = 0; i < sizeof(indexes); i++) now[i] = rtc_read(indexes[i]);
        if (memcmp(now, before, sizeof(now)) == 0) break;
        memcpy(before, now, sizeof(now));
    }
    printf("%02u%02u-%02u-%02u %02u:%02u:%02u", now[0], now[1], now[2], now[3], now[4], now[5], now[6]);
}

/* Sleeps through so many ticks. */
static void sleep_ticks(uint64_t count) {
    interrupts_disable();
    for (uint64_t end = ticks + count; ticks < end;) cpu_sleep();
    interrupts_enable();
}

static void time(int argc, char **argv) {
    uint64_t seconds = 0;
    if (argc > 1 && !parse_number(argv[1], &seconds)) {
        printf("time: '%s' is not a number of seconds\n", argv[1]);
        return;
    }
    for (uint64_t i = 0;; i++) {
        uint64_t up = clock_microseconds();
        print_date();
        printf(", up %lu.%06lu s, %lu ticks\n", up / 1000000, up % 1000000, ticks);
        if (i == seconds) break;
        sleep_ticks(TICKS_PER_SECOND);
    }
}
COMMAND(time, "[seconds]", "time of day, time up, timer ticks; again each second");
