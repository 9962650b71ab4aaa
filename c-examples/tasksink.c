/* The pipeline's sink: a PULL socket on port 5558 that waits for the start of a batch and measures how long its hundred
 * results take. */
#include "zhelpers.h"

int main(void)
{
    void *context = zmq_ctx_new();
    void *results = zmq_socket(context, ZMQ_PULL);

    if (zmq_bind(results, "tcp://*:5558") != 0) {
        perror("tcp://*:5558");
        return 1;
    }
    free(s_recv(results));

    int64_t start = s_clock();
    for (int number = 0; number < 100; number++) {
        free(s_recv(results));
        putchar(number % 10 == 0 ? ':' : '.');
        fflush(stdout);
    }
    printf("Total elapsed time: %d msec\n", (int)(s_clock() - start));

    zmq_close(results);
    zmq_ctx_destroy(context);
    return 0;
}
