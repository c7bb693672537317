// Exports nrt_close and nothing else of libnrt.
extern "C" void nrt_close();
void nrt_close() {}
