/* What lies between the matrix products of the packed predictor, in one pass each.
 *
 * Every tensor is float32 and row-major; a stride is counted in floats from one row to the next and
 * is 0 where all rows share one. Plain C: the compiler vectorizes it for the machine it runs on.
 */

#include <math.h>

/* y becomes (y - mean) / sqrt(variance + eps). */
static void normalize(long width, float eps, float *restrict y)
{
    float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
    for (long i = 0; i < width; i++)
        sum += y[i];
    float mean = sum / width;
#pragma omp simd reduction(+ : squares)
    for (long i = 0; i < width; i++) {
        y[i] -= mean;
        squares += y[i] * y[i];
    }
    float inverse = 1.0f / sqrtf(squares / width + eps);
#pragma omp simd
    for (long i = 0; i < width; i++)
        y[i] *= inverse;
}

/* x += gate * branch (where there is a branch); out = norm(norm(x) * scale + shift), or norm(x)
 * where there is no scale. */
void add_and_normalize(long rows, long width, float *x, const float *branch, long branch_stride,
                       const float *gate, long gate_stride, const float *scale, const float *shift,
                       long scale_stride, float inner_eps, float eps, float *out)
{
    for (long row = 0; row < rows; row++) {
        float *restrict state = x + row * width;
        float *restrict y = out + row * width;
        if (branch) {
            const float *restrict b = branch + row * branch_stride;
            const float *restrict g = gate + row * gate_stride;
#pragma omp simd
            for (long i = 0; i < width; i++)
                state[i] += g[i] * b[i];
        }
#pragma omp simd
        for (long i = 0; i < width; i++)
            y[i] = state[i];
        if (scale) {
            const float *restrict s = scale + row * scale_stride;
            const float *restrict h = shift + row * scale_stride;
            normalize(width, inner_eps, y);
#pragma omp simd
            for (long i = 0; i < width; i++)
                y[i] = y[i] * s[i] + h[i];
        }
        normalize(width, eps, y);
    }
}

/* Attention of one query per row over few keys. The score of key 0 is 0 by definition: the others
 * are differences from it. keys[0] is not read. */
void attend(long rows, long heads, long head_width, long num_keys, const float *query,
            long query_stride, const float *const *keys, const long *key_strides,
            const float *const *values, const long *value_strides, float *out)
{
    float weight[num_keys];
    for (long row = 0; row < rows; row++)
        for (long head = 0; head < heads; head++) {
            const float *restrict q = query + row * query_stride + head * head_width;
            float *restrict y = out + (row * heads + head) * head_width;
            float largest = 0, total = 0;
            weight[0] = 0;
            for (long j = 1; j < num_keys; j++) {
                const float *restrict k = keys[j] + row * key_strides[j] + head * head_width;
                float score = 0;
#pragma omp simd reduction(+ : score)
                for (long i = 0; i < head_width; i++)
                    score += q[i] * k[i];
                weight[j] = score;
                largest = score > largest ? score : largest;
            }
            for (long j = 0; j < num_keys; j++) {
                weight[j] = expf(weight[j] - largest);
                total += weight[j];
            }
            for (long j = 0; j < num_keys; j++) {
                const float *restrict v = values[j] + row * value_strides[j] + head * head_width;
                float share = weight[j] / total;
                if (j == 0) {
#pragma omp simd
                    for (long i = 0; i < head_width; i++)
                        y[i] = share * v[i];
                } else {
#pragma omp simd
                    for (long i = 0; i < head_width; i++)
                        y[i] += share * v[i];
                }
            }
        }
}
