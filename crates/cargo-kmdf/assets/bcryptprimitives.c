/* bcryptprimitives.dll for a Wine prefix: the one export that Rust's standard library imports and
 * that older versions of Wine do not have. */

unsigned char __stdcall SystemFunction036(void *buffer, unsigned long length);

__declspec(dllexport) int __stdcall ProcessPrng(unsigned char *buffer, unsigned long long length)
{
    return SystemFunction036(buffer, (unsigned long)length);
}
