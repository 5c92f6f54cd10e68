// The density of one cube and its gradient, for the instruction set that the including file is compiled for. See
// simd.hpp for what may not be used here.
//
// A Gaussian is a product of three factors, so an image needs 3n of them, and a voxel one multiply-add per image near
// it. The cube is cut into blocks of 15 × 15 rows of one vector, for which the images near are listed; a block is cut
// into bricks of 3 × 5 rows, whose sums stay in registers while the images whose sphere reaches the brick stream by.
#include "density_kernel.hpp"
#include "simd.hpp"

namespace crystalgrid {
namespace {

constexpr int kBricksX = Brick::kBlock / Brick::kX, kBricksY = Brick::kBlock / Brick::kY;  // of a block

/// 2^(-u²) at the voxels of each axis, along x times the image's weight. A block's part of a table is contiguous, so
/// that the lines it touches stay in the first cache.
template <class T>
struct Tables {
  T *x, *y;  // [blocks][images][Brick::kRow]
  T* z;      // [vectors][images][kLanes]
};

/// Images near a block.
template <class T>
struct Near {
  int count;
  int* image;    // [near]
  T *x, *y, *z;  // [near] position
  T* limit;      // [near] what dx² + dy² must stay below
  T *dx2, *dy2;  // [bricks][near] squared distance to each brick along one axis
};

template <class T>
struct Workspace {
  int capacity;  // images, in whole vectors
  Tables<T> tables;
  Near<T> near;
  int* reaching;  // images that reach the brick
};

template <class T>
Workspace<T> carve(T* scratch, int* lists, int count, int n) {
  const long capacity = whole_vectors(count), table = blocks(n) * Brick::kRow * capacity;
  Workspace<T> w;
  w.capacity = static_cast<int>(capacity);
  w.tables = {scratch, scratch + table, scratch + 2 * table};
  T* x = w.tables.z + (n + 7) / 8 * 8 * capacity;
  T *limit = x + 3 * capacity, *dx2 = limit + capacity;
  w.near = {0, lists, x, x + capacity, x + 2 * capacity, limit, dx2, dx2 + kBricksX * capacity};
  w.reaching = lists + capacity;
  return w;
}

/// Squared distance from each x to the voxels [begin, end) of one axis.
template <class T>
inline WideVector<T> squared_distance(const T* x, int begin, int end, T spacing) {
  const WideVector<T> at = load_wide(x), below = (begin + T(0.5)) * spacing - at, above = at - (end - T(0.5)) * spacing;
  const WideVector<T> d = larger(larger(below, above), WideVector<T>{});
  return d * d;
}

/// One axis of a table: rows of `entries` voxels for each image, for parts of the axis that start `step` voxels apart.
template <class T>
void fill_table(const T* x, const T* weight, int count, int capacity, const KernelGrid<T>& grid, int step, int entries,
                T* table) {
  constexpr int kLanes = Simd<T>::kLanes;
  Vector<T> lanes;
  for (int lane = 0; lane < kLanes; ++lane) lanes[lane] = lane * grid.spacing;
  for (int first = 0; first < grid.n; first += step, table += static_cast<long>(capacity) * entries)
    for (int vector = 0; vector < entries; vector += kLanes) {
      const Vector<T> centre = lanes + (first + vector + T(0.5)) * grid.spacing;
      for (int m = 0; m < count; ++m) {
        const Vector<T> u = centre - x[m], gaussian = exp2(-(u * u));
        store(table + static_cast<long>(m) * entries + vector, weight ? weight[m] * gaussian : gaussian);
      }
    }
}

struct Block {
  int x, y, z;  // first voxels
  int end_x, end_y;
};

/// List the images near a block, and their squared distances to its bricks.
template <class T>
void list_near(const KernelImages<T>& images, const KernelGrid<T>& grid, const Block& block, int capacity,
               const int* every, Near<T>& near) {
  constexpr int kLanes = Wide<T>::kLanes;
  const T h = grid.spacing, reach2 = grid.reach * grid.reach;
  // Shorter vectors leave out no other images than longer ones, so that all instruction sets sum the same.
  const int slab = block.z / Brick::kSlab * Brick::kSlab, slab_end = at_most(slab + Brick::kSlab, grid.n);
  int count = 0;
  for (int m = 0; m < images.count; m += kLanes) {
    const WideVector<T> d = squared_distance(images.x + m, block.x, block.end_x, h) +
                            squared_distance(images.y + m, block.y, block.end_y, h) +
                            squared_distance(images.z + m, slab, slab_end, h);
    const LanesWhereLess<T> chosen(d, broadcast_wide(reach2));
    chosen.append(every + m, near.image + count);
    chosen.append(images.x + m, near.x + count);
    chosen.append(images.y + m, near.y + count);
    chosen.append(images.z + m, near.z + count);
    count += chosen.count;
  }
  near.count = count;
  for (int m = 0; m < count; m += kLanes) {
    store(near.limit + m, reach2 - squared_distance(near.z + m, slab, slab_end, h));
    for (int b = 0, x = block.x; b < kBricksX; ++b, x += Brick::kX)
      store(near.dx2 + b * capacity + m, squared_distance(near.x + m, x, at_most(x + Brick::kX, block.end_x), h));
    for (int b = 0, y = block.y; b < kBricksY; ++b, y += Brick::kY)
      store(near.dy2 + b * capacity + m, squared_distance(near.y + m, y, at_most(y + Brick::kY, block.end_y), h));
  }
  // The lanes past the last image are out of reach.
  for (int lane = 0; lane < kLanes; ++lane) near.limit[count + lane] = T(-1);
}

/// List, of the images near the block, those that reach a brick; returns how many.
template <class T>
inline int list_reaching(const Near<T>& near, const T* dx2, const T* dy2, int* reaching) {
  int count = 0;
  for (int m = 0; m < near.count; m += Wide<T>::kLanes) {
    const LanesWhereLess<T> chosen(load_wide(dx2 + m) + load_wide(dy2 + m), load_wide(near.limit + m));
    chosen.append(near.image + m, reaching + count);
    count += chosen.count;
  }
  return count;
}

template <class T>
struct BrickSums {
  Vector<T> rows[Brick::kX][Brick::kY];
};

/// Sum over the listed images; `x`, `y` and `z` are the brick's first entries in the tables of image 0.
template <class T>
inline BrickSums<T> sum_brick(const T* x, const T* y, const T* z, const int* images, int count) {
  BrickSums<T> sums;
  for (auto& row : sums.rows)  // one by one: compilers would clear memory for the whole
    for (Vector<T>& sum : row) sum = Vector<T>{};
  for (const int* image = images; image < images + count; ++image) {
    const long m = *image;
    const T *fx = x + m * Brick::kRow, *fy = y + m * Brick::kRow;
    const Vector<T> fz = load(z + m * Simd<T>::kLanes);
    for (int i = 0; i < Brick::kX; ++i) {
      const Vector<T> fxz = fx[i] * fz;
      for (int j = 0; j < Brick::kY; ++j) sums.rows[i][j] += fy[j] * fxz;
    }
  }
  return sums;
}

/// Write a brick's rows that lie in the cube.
template <class T>
inline void write_brick(const BrickSums<T>& sums, int n, int x, int y, int z, T* density) {
  const int lanes = at_most(Simd<T>::kLanes, n - z), rows_x = at_most(Brick::kX, n - x),
            rows_y = at_most(Brick::kY, n - y);
  T* corner = density + (static_cast<long>(x) * n + y) * n + z;
  for (int i = 0; i < Brick::kX; ++i)
    for (int j = 0; j < Brick::kY; ++j) {
      if (i >= rows_x || j >= rows_y) continue;
      T* out = corner + (static_cast<long>(i) * n + j) * n;
      if (lanes == Simd<T>::kLanes)
        store(out, sums.rows[i][j]);
      else
        store_first(out, sums.rows[i][j], lanes);
    }
}

/// Call `visit(x, y, images, count)` for each brick of a block with the images that reach it.
template <class T, class Visit>
void for_each_brick(const Block& block, int capacity, const Near<T>& near, int* reaching, const Visit& visit) {
  for (int x = block.x, i = 0; x < block.end_x; x += Brick::kX, ++i)
    for (int y = block.y, j = 0; y < block.end_y; y += Brick::kY, ++j)
      visit(x, y, reaching, list_reaching(near, near.dx2 + i * capacity, near.dy2 + j * capacity, reaching));
}

/// A block's first entries in the tables of image 0.
template <class T>
struct Entries {
  const T *x, *y, *z;
};

template <class T>
inline Entries<T> entries(const Tables<T>& tables, const Block& block, int capacity) {
  const long table = static_cast<long>(capacity) * Brick::kRow;
  return {tables.x + block.x / Brick::kBlock * table, tables.y + block.y / Brick::kBlock * table,
          tables.z + static_cast<long>(block.z) * capacity};
}

template <class T>
void fill_tables(const KernelImages<T>& images, const T* weight, const KernelGrid<T>& grid, const Workspace<T>& w) {
  constexpr int kLanes = Simd<T>::kLanes;
  fill_table<T>(images.x, weight, images.count, w.capacity, grid, Brick::kBlock, Brick::kRow, w.tables.x);
  fill_table<T>(images.y, nullptr, images.count, w.capacity, grid, Brick::kBlock, Brick::kRow, w.tables.y);
  fill_table<T>(images.z, nullptr, images.count, w.capacity, grid, kLanes, kLanes, w.tables.z);
}

/// Call `visit(block)` for each block of the cube, its near images listed.
template <class T, class Visit>
void for_each_block(const KernelImages<T>& images, const KernelGrid<T>& grid, Workspace<T>& w, const Visit& visit) {
  constexpr int kLanes = Simd<T>::kLanes;
  const int n = grid.n;
  for (int x = 0; x < n; x += Brick::kBlock)
    for (int y = 0; y < n; y += Brick::kBlock)
      for (int z = 0; z < n; z += kLanes) {
        const Block block{x, y, z, at_most(x + Brick::kBlock, n), at_most(y + Brick::kBlock, n)};
        list_near(images, grid, block, w.capacity, images.every, w.near);
        visit(block);
      }
}

template <class T>
T largest(const T* values, long count) {
  constexpr int kLanes = Simd<T>::kLanes;
  Vector<T> most = broadcast(values[0]);
  long i = 0;
  for (; i + kLanes <= count; i += kLanes) most = larger(most, load(values + i));
  T result = most[0];
  for (int lane = 1; lane < kLanes; ++lane) result = most[lane] > result ? most[lane] : result;
  for (; i < count; ++i) result = values[i] > result ? values[i] : result;
  return result;
}

/// The cube's density; returns its maximum.
template <class T>
T fill_cube(const KernelImages<T>& images, const KernelGrid<T>& grid, T* scratch, int* lists, T* density) {
  const int n = grid.n;
  Workspace<T> w = carve(scratch, lists, images.count, n);
  fill_tables(images, images.weight, grid, w);
  for_each_block(images, grid, w, [&](const Block& block) {
    const Entries<T> at = entries(w.tables, block, w.capacity);
    for_each_brick(block, w.capacity, w.near, w.reaching, [&](int x, int y, const int* reaching, int count) {
      write_brick(sum_brick(at.x + x - block.x, at.y + y - block.y, at.z, reaching, count), n, x, y, block.z, density);
    });
  });
  return largest(density, static_cast<long>(n) * n * n);
}

/// A brick's rows of the voxels' derivatives, zero outside the cube.
template <class T>
inline BrickSums<T> read_brick(const T* grad, int n, int x, int y, int z) {
  BrickSums<T> brick{};
  const int lanes = at_most(Simd<T>::kLanes, n - z);
  for (int i = 0; i < at_most(Brick::kX, n - x); ++i)
    for (int j = 0; j < at_most(Brick::kY, n - y); ++j)
      brick.rows[i][j] = load_first(grad + (static_cast<long>(x + i) * n + y + j) * n + z, lanes);
  return brick;
}

/// The sums that one image gathers: Σ g·2^(-u²) times 1, u_x, u_y and u_z, lane by lane.
template <class T>
struct Moments {
  T one[Simd<T>::kLanes], x[Simd<T>::kLanes], y[Simd<T>::kLanes], z[Simd<T>::kLanes];
};

template <class T>
inline void add_to(T* sum, Vector<T> v) {
  store(sum, load(sum) + v);
}

/// Add a brick's part to the moments of one image. `ux`, `uy`, `uz`: from the image to the brick's first voxels. Within
/// the brick the moments are taken over the row numbers, which costs no further tables.
template <class T>
inline void gather_brick(const BrickSums<T>& grad, const T* fx, const T* fy, Vector<T> fz, T ux, T uy, Vector<T> uz,
                         T spacing, Moments<T>& moments) {
  Vector<T> sum{}, sum_i{}, sum_j{};
  for (int i = 0; i < Brick::kX; ++i) {
    Vector<T> row{}, row_j{};
    for (int j = 0; j < Brick::kY; ++j) {
      const Vector<T> product = fy[j] * grad.rows[i][j];
      row += product;
      row_j += static_cast<T>(j) * product;
    }
    sum += fx[i] * row;
    sum_i += static_cast<T>(i) * fx[i] * row;
    sum_j += fx[i] * row_j;
  }
  sum *= fz;
  add_to(moments.one, sum);
  add_to(moments.x, ux * sum + spacing * (fz * sum_i));
  add_to(moments.y, uy * sum + spacing * (fz * sum_j));
  add_to(moments.z, uz * sum);
}

/// Gather for each image from the whole cube, into `sums` [count][4].
template <class T>
void gather_cube(const KernelImages<T>& images, const KernelGrid<T>& grid, T* scratch, int* lists, const T* grad,
                 T* sums) {
  constexpr int kLanes = Simd<T>::kLanes;
  const T h = grid.spacing;
  Workspace<T> w = carve(scratch, lists, images.count, grid.n);
  fill_tables<T>(images, nullptr, grid, w);
  auto* moments = reinterpret_cast<Moments<T>*>(w.near.dy2 + kBricksY * w.capacity);
  for (long m = 0; m < images.count; ++m) moments[m] = {};
  Vector<T> lanes;
  for (int lane = 0; lane < kLanes; ++lane) lanes[lane] = lane * h;
  for_each_block(images, grid, w, [&](const Block& block) {
    const Entries<T> at = entries(w.tables, block, w.capacity);
    const Vector<T> z = lanes + (block.z + T(0.5)) * h;
    for_each_brick(block, w.capacity, w.near, w.reaching, [&](int x, int y, const int* reaching, int count) {
      const BrickSums<T> brick = read_brick(grad, grid.n, x, y, block.z);
      const T *fx = at.x + x - block.x, *fy = at.y + y - block.y;
      for (int i = 0; i < count; ++i) {
        const long m = reaching[i];
        gather_brick(brick, fx + m * Brick::kRow, fy + m * Brick::kRow, load(at.z + m * kLanes),
                     (x + T(0.5)) * h - images.x[m], (y + T(0.5)) * h - images.y[m], z - images.z[m], h, moments[m]);
      }
    });
  });
  for (long m = 0; m < images.count; ++m) {
    const T* from = moments[m].one;
    for (int i = 0; i < 4 * kLanes; ++i) sums[4 * m + i / kLanes] += from[i];
  }
}

}  // namespace

namespace CRYSTALGRID_ISA {

float density(const KernelImages<float>& images, const KernelGrid<float>& grid, float* scratch, int* lists, float* m) {
  return fill_cube(images, grid, scratch, lists, m);
}

double density(const KernelImages<double>& images, const KernelGrid<double>& grid, double* scratch, int* lists,
               double* m) {
  return fill_cube(images, grid, scratch, lists, m);
}

void gradient(const KernelImages<float>& images, const KernelGrid<float>& grid, float* scratch, int* lists,
              const float* grad, float* sums) {
  gather_cube(images, grid, scratch, lists, grad, sums);
}

void gradient(const KernelImages<double>& images, const KernelGrid<double>& grid, double* scratch, int* lists,
              const double* grad, double* sums) {
  gather_cube(images, grid, scratch, lists, grad, sums);
}

}  // namespace CRYSTALGRID_ISA
}  // namespace crystalgrid
