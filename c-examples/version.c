/* Prints the version of the library that the program runs with. */
#include <stdio.h>

#include <zmq.h>

int main(void)
{
    int major, minor, patch;

    zmq_version(&major, &minor, &patch);
    printf("Current 0MQ version is %d.%d.%d\n", major, minor, patch);
    return 0;
}
