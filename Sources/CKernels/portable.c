#include "levels.h"

// Any processor: four lanes, no fused multiply-add, f16 by integer arithmetic.
#define CK_LEVEL ck_portable
#define CK_NAME "portable"
#define CK_NEEDS 0
#define CK_LANES 4
#define CK_FMA 0
#define CK_HALF 0
#define CK_TOKENS 4
#define CK_VECTORS 2
#define CK_DOTS CK_DOTS_PLAIN

#include "level.inc"
