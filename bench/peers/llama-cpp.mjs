// llama.cpp's Vulkan kernels, called through its shared libraries.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { noise, serve } from "./serve.mjs";

// Otherwise it hides devices that are processors.
process.env.GGML_VK_VISIBLE_DEVICES ??= "0";
const koffi = createRequire(import.meta.url)("koffi");
const folder = fileURLToPath(
  new URL("node_modules/@node-llama-cpp/linux-x64-vulkan/bins/linux-x64-vulkan/", import.meta.url),
);
const base = koffi.load(`${folder}libggml-base.so`);
const registry = koffi.load(`${folder}libggml.vulkan.v0.5.0.so`);
koffi.struct("ggml_init_params", { mem_size: "size_t", mem_buffer: "void*", no_alloc: "bool" });

const ggml = {
  init: base.func("void* ggml_init(ggml_init_params p)"),
  tensor: base.func("void* ggml_new_tensor_2d(void* context, int type, int64_t columns, int64_t rows)"),
  product: base.func("void* ggml_mul_mat(void* context, void* a, void* b)"),
  graph: base.func("void* ggml_new_graph(void* context)"),
  expand: base.func("void ggml_build_forward_expand(void* graph, void* tensor)"),
  allocate: base.func("void* ggml_backend_alloc_ctx_tensors(void* context, void* backend)"),
  write: base.func("void ggml_backend_tensor_set(void* tensor, const void* data, size_t offset, size_t bytes)"),
  compute: base.func("int ggml_backend_graph_compute(void* backend, void* graph)"),
  open: base.func("void* ggml_backend_dev_init(void* device, const char* parameters)"),
  name: base.func("const char* ggml_backend_dev_name(void* device)"),
  loadAll: registry.func("void ggml_backend_load_all_from_path(const char* path)"),
  count: registry.func("size_t ggml_backend_dev_count()"),
  device: registry.func("void* ggml_backend_dev_get(size_t index)"),
};
const float32 = 0;

ggml.loadAll(folder);
const devices = Array.from({ length: Number(ggml.count()) }, (_, i) => ggml.device(i));
const vulkan = devices.find((device) => /vulkan/i.test(ggml.name(device)));
if (!vulkan) throw new Error("llama.cpp finds no Vulkan device");
const backend = ggml.open(vulkan, "");

serve({
  async matmul(n) {
    const context = ggml.init({ mem_size: 64 * 2 ** 20, mem_buffer: null, no_alloc: true });
    const [w, x] = [ggml.tensor(context, float32, n, n), ggml.tensor(context, float32, n, n)];
    const graph = ggml.graph(context);
    ggml.expand(graph, ggml.product(context, w, x));
    ggml.allocate(context, backend);
    for (const tensor of [w, x]) ggml.write(tensor, noise(n * n), 0, 4 * n * n);
    const sample = async () => {
      const started = performance.now();
      ggml.compute(backend, graph);
      return performance.now() - started;
    };
    await sample();
    await sample();
    return { sample };
  },
});
