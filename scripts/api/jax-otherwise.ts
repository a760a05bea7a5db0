/** Names of JAX that have another form here. What is in no list is absent. */

const dtypes = ["bfloat16", "bool_", "float16", "float32", "int16", "int32", "int8", "uint16", "uint32", "uint8"];

/** Functions of `flax.nnx` that are `jax.nn`'s own. */
const activations: Readonly<Record<string, string>> = {
  celu: "celu",
  dot_product_attention: "dotProductAttention",
  elu: "elu",
  gelu: "gelu",
  glu: "glu",
  hard_sigmoid: "hardSigmoid",
  hard_silu: "hardSilu",
  hard_swish: "hardSwish",
  hard_tanh: "hardTanh",
  identity: "identity",
  leaky_relu: "leakyRelu",
  log_sigmoid: "logSigmoid",
  log_softmax: "logSoftmax",
  logsumexp: "logsumexp",
  one_hot: "oneHot",
  relu: "relu",
  relu6: "relu6",
  selu: "selu",
  sigmoid: "sigmoid",
  silu: "silu",
  soft_sign: "softSign",
  softmax: "softmax",
  softplus: "softplus",
  standardize: "standardize",
  swish: "swish",
  tanh: "tanh",
};

const said: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  jax: {
    custom_gradient: "`customVjp`",
    copy_to_host_async: "`x.data()`",
    debug_nans: "`debug.nans`",
    default_device: "`devices()[0]`",
    device_count: "`(await devices()).length`",
    jacobian: "`jacrev`",
    local_device_count: "`(await devices()).length`",
    local_devices: "`devices`",
    remat: "`checkpoint`",
    typeof: "`x.aval`",
  },
  "jax.numpy": {
    ...Object.fromEntries(dtypes.map((dtype) => [dtype, `\`"${dtype.replace("_", "")}"\``])),
    astype: "`x.astype(dtype)`",
    dtype: "`DType`, a string",
    index_exp: "`slice`",
    ndarray: "`jax.Array`",
    ndim: "`x.ndim`",
    newaxis: "`null`",
    s_: "`slice`",
    shape: "`x.shape`",
    size: "`x.size`",
  },
  "flax.nnx": Object.fromEntries(Object.entries(activations).map(([name, ours]) => [name, `\`jax.nn.${ours}\``])),
  "jax.lax": {
    dtype: "`x.dtype`",
    empty: "`numpy.empty`",
  },
};

/** How it is said here, as Markdown; undefined where nothing does the same. */
export const saidOtherwise = (module: string, name: string): string | undefined => said[module]?.[name];
