/* The weather server: a PUB socket on port 5556 that publishes random weather, "zipcode temperature humidity", for
 * random zip codes as fast as it can. */
#include "zhelpers.h"

int main(void)
{
    void *context = zmq_ctx_new();
    void *publisher = zmq_socket(context, ZMQ_PUB);

    if (zmq_bind(publisher, "tcp://*:5556") != 0) {
        perror("tcp://*:5556");
        return 1;
    }
    srandom((unsigned)time(NULL));
    for (;;) {
        char update[32];
        int zipcode = randof(100000);
        int temperature = randof(215) - 80;
        int humidity = randof(50) + 10;

        snprintf(update, sizeof update, "%05d %d %d", zipcode, temperature, humidity);
        if (s_send(publisher, update) == -1)
            break;
    }
    zmq_close(publisher);
    zmq_ctx_destroy(context);
    return 0;
}
