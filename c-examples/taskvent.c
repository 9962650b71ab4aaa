/* The pipeline's ventilator: a PUSH socket on port 5557 that hands a hundred tasks of 1 to 100 ms to the workers, having
 * told the sink on port 5558 that the batch starts. */
#include "zhelpers.h"

int main(void)
{
    void *context = zmq_ctx_new();
    void *workers = zmq_socket(context, ZMQ_PUSH);
    void *sink = zmq_socket(context, ZMQ_PUSH);
    int total = 0;

    if (zmq_bind(workers, "tcp://*:5557") != 0 || zmq_connect(sink, "tcp://localhost:5558") != 0) {
        perror("tcp://*:5557");
        return 1;
    }

    /* The workers must all be connected by now, or the first would get most of the batch. */
    printf("Press Enter when the workers are ready: ");
    fflush(stdout);
    getchar();
    puts("Sending tasks to workers...");
    s_send(sink, "0");

    srandom((unsigned)time(NULL));
    for (int task = 0; task < 100; task++) {
        char text[16];
        int milliseconds = randof(100) + 1;

        total += milliseconds;
        snprintf(text, sizeof text, "%d", milliseconds);
        s_send(workers, text);
    }
    printf("Total expected cost: %d msec\n", total);

    zmq_close(sink);
    zmq_close(workers);
    zmq_ctx_destroy(context);
    return 0;
}
