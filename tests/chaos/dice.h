/*
 * dice: random numbers that a seed gives again (splitmix64).
 */
#ifndef CHAOS_DICE_H
#define CHAOS_DICE_H

#include "common/base.h"

struct dice {
	uint64_t state;
};

static inline uint64_t dice_roll(struct dice *dice)
{
	uint64_t z = (dice->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* In [0, bound), bound > 0. */
static inline int dice_below(struct dice *dice, int bound)
{
	return (int)(dice_roll(dice) % (uint64_t)bound);
}

/* In [low, high]. */
static inline int dice_between(struct dice *dice, int low, int high)
{
	return low + dice_below(dice, high - low + 1);
}

#endif
