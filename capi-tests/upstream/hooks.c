/* Linked into each of upstream's test programs. */
#include <stdio.h>
#include <unistd.h>

static pid_t program;

/* What it wrote before it was killed is then in its log. */
__attribute__((constructor)) static void begin(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    program = getpid();
}

/* Asked by the leak sanitizer, if there is one. A forked child has not the threads that its memory hangs on. */
int __lsan_is_turned_off(void)
{
    return getpid() != program;
}
