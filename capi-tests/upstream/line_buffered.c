/* Linked into each of upstream's test programs: what it wrote before it was killed is then in its log. */
#include <stdio.h>

__attribute__((constructor)) static void line_buffered(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
}
