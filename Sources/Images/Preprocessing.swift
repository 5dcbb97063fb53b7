import Base

/// How a model's pictures are prepared: sizes, limits and normalization of `preprocessor_config.json`.
package struct Preprocessing: Sendable, Equatable {
  /// Pixels along a side of a patch.
  package var patchSize = 16
  /// Frames that one patch spans; a still picture is repeated.
  package var temporalPatchSize = 2
  /// Patches along a side of the block that becomes one token.
  package var mergeSize = 2
  /// The fewest pixels after resizing.
  package var minPixels = 65_536
  /// The most pixels after resizing.
  package var maxPixels = 16_777_216
  /// Subtracted from each channel, as a fraction of 255.
  package var mean: [Float] = [0.5, 0.5, 0.5]
  /// Divides each channel, as a fraction of 255.
  package var deviation: [Float] = [0.5, 0.5, 0.5]
  /// The side of the square that every picture is stretched to; nil for sizes that follow the picture.
  package var side: Int?
  /// How samples are weighed when a picture is stretched.
  package var filter = Resampling.bicubic

  /// What the published Qwen3.5 checkpoints say.
  package init() {}

  /// Reads `preprocessor_config.json`; what it leaves out is as `published`.
  ///
  /// - Throws: `unsupported` for values out of range, and for another side than the square that is published.
  package init(
    json: OrderedJSON, over published: Preprocessing = Preprocessing(), file: String = "preprocessor_config.json"
  ) throws(CheckpointError) {
    self = published
    func size(_ value: OrderedJSON?, _ name: String, _ fallback: Int) throws(CheckpointError) -> Int {
      guard let value, value != .null else { return fallback }
      guard let number = value.intValue.flatMap({ Int(exactly: $0) }) else {
        throw CheckpointError(.unsupported, "\(name) is not a whole number", file: file)
      }
      return number
    }
    func channels(_ name: String, _ fallback: [Float]) -> [Float] {
      guard let value = json[name], value != .null else { return fallback }
      return (value.arrayValue ?? []).map { $0.doubleValue.map { Float($0) } ?? .nan }
    }
    patchSize = try size(json["patch_size"], "patch_size", patchSize)
    temporalPatchSize = try size(json["temporal_patch_size"], "temporal_patch_size", temporalPatchSize)
    mergeSize = try size(json["merge_size"], "merge_size", mergeSize)
    minPixels = try size(json["min_pixels"], "min_pixels", minPixels)
    maxPixels = try size(json["max_pixels"], "max_pixels", maxPixels)
    minPixels = try size(json["size"]?["shortest_edge"], "size.shortest_edge", minPixels)
    maxPixels = try size(json["size"]?["longest_edge"], "size.longest_edge", maxPixels)
    if let side {
      for key in ["height", "width"] {
        let stored = try size(json["size"]?[key], "size.\(key)", side)
        guard stored == side else {
          throw CheckpointError(
            .unsupported, "size.\(key) is \(stored), and the vision encoder reads squares of \(side) pixels", file: file
          )
        }
      }
      // Parts of a picture, shown besides the whole.
      guard json["do_pan_and_scan"]?.boolValue != true else {
        throw CheckpointError(.unsupported, "do_pan_and_scan is true; pictures are shown whole", file: file)
      }
      switch try size(json["resample"], "resample", 2) {
      case 2: filter = .bilinear
      case 3: filter = .bicubic
      case let other:
        throw CheckpointError(.unsupported, "resample is \(other); 2 (bilinear) and 3 (bicubic) are known", file: file)
      }
    }
    mean = channels("image_mean", mean)
    deviation = channels("image_std", deviation)
    try check(file)
  }

  /// Refuses what cannot be prepared.
  ///
  /// - Throws: `unsupported`, naming the field as `preprocessor_config.json` calls it.
  package func check(_ file: String) throws(CheckpointError) {
    func require(_ isRight: Bool, _ rule: String) throws(CheckpointError) {
      if !isRight { throw CheckpointError(.unsupported, rule, file: file) }
    }
    let pixels = 1...ImageDecoder.pixelLimit
    for (name, value, range) in [
      ("patch_size", patchSize, 1...256), ("temporal_patch_size", temporalPatchSize, 1...16),
      ("merge_size", mergeSize, 1...16), ("size.shortest_edge", minPixels, pixels),
      ("size.longest_edge", maxPixels, pixels),
    ] { try require(range.contains(value), "\(name) is not a number in \(range)") }
    for (name, values) in [("image_mean", mean), ("image_std", deviation)] {
      try require(values.count == 3 && values.allSatisfy(\.isFinite), "\(name) is not a list of three numbers")
    }
    try require(minPixels <= maxPixels, "shortest_edge \(minPixels) exceeds longest_edge \(maxPixels)")
    try require(deviation.allSatisfy { $0 > 0 }, "image_std has a number that is not positive")
    if let side {
      try require(
        (1...4096).contains(side) && side % (patchSize * mergeSize) == 0,
        "a square of \(side) pixels does not consist of tokens of \(patchSize * mergeSize)")
    }
  }

  /// The fields as `preprocessor_config.json` has them, with the classes of transformers that read it.
  package func json(processor: String, images: String) -> OrderedJSON {
    func numbers(_ values: [Float]) -> OrderedJSON { .array(values.map { .number(Double($0)) }) }
    if let side {
      return .object([
        "do_convert_rgb": .null, "do_normalize": .bool(true), "do_pan_and_scan": .null, "do_rescale": .bool(true),
        "do_resize": .bool(true), "image_mean": numbers(mean), "image_processor_type": .string(images),
        "image_seq_length": .integer(Int64(tokens(inSide: side))), "image_std": numbers(deviation),
        "processor_class": .string(processor), "resample": .integer(filter == .bilinear ? 2 : 3),
        "rescale_factor": .number(1.0 / 255),
        "size": .object(["height": .integer(Int64(side)), "width": .integer(Int64(side))]),
      ])
    }
    return .object([
      "size": .object([
        "longest_edge": .integer(Int64(maxPixels)), "shortest_edge": .integer(Int64(minPixels)),
      ]),
      "patch_size": .integer(Int64(patchSize)), "temporal_patch_size": .integer(Int64(temporalPatchSize)),
      "merge_size": .integer(Int64(mergeSize)), "image_mean": numbers(mean), "image_std": numbers(deviation),
      "processor_class": .string(processor), "image_processor_type": .string(images),
    ])
  }

  private func tokens(inSide side: Int) -> Int { (side / patchSize / mergeSize) * (side / patchSize / mergeSize) }

  /// The size to which a picture is stretched: the square, or sides that are multiples of a token's side, the area within the limits.
  ///
  /// Sides round half to even, as the reference's language does.
  /// - Throws: `unsupported` where one side is more than 200 times the other.
  package func smartSize(width: Int, height: Int) throws(CheckpointError) -> (width: Int, height: Int) {
    if let side { return (side, side) }
    guard max(width, height) <= 200 * min(width, height) else {
      throw CheckpointError(
        .unsupported, "a picture of \(width)x\(height) pixels: one side is more than 200 times the other")
    }
    let factor = Double(patchSize * mergeSize)
    let (across, down) = (Double(width), Double(height))
    var newWidth = (across / factor).rounded(.toNearestOrEven) * factor
    var newHeight = (down / factor).rounded(.toNearestOrEven) * factor
    if newWidth * newHeight > Double(maxPixels) {
      let ratio = (across * down / Double(maxPixels)).squareRoot()
      newWidth = max(factor, (across / ratio / factor).rounded(.down) * factor)
      newHeight = max(factor, (down / ratio / factor).rounded(.down) * factor)
    } else if newWidth * newHeight < Double(minPixels) {
      let ratio = (Double(minPixels) / (across * down)).squareRoot()
      newWidth = (across * ratio / factor).rounded(.up) * factor
      newHeight = (down * ratio / factor).rounded(.up) * factor
    }
    return (Int(newWidth), Int(newHeight))
  }
}

/// What the vision encoder reads: the patches of one or more pictures.
package struct Patches: Sendable {
  /// A picture's grid in patches.
  package struct Grid: Sendable, Hashable {
    /// Groups of frames; 1 for a still picture.
    package var frames: Int
    /// Rows of patches.
    package var rows: Int
    /// Patches in a row.
    package var columns: Int

    /// Takes the three counts in the order of `grid_thw`.
    package init(frames: Int, rows: Int, columns: Int) {
      self.frames = frames
      self.rows = rows
      self.columns = columns
    }

    /// Patches in all.
    package var count: Int { frames * rows * columns }
  }

  /// One grid a picture: the reference's `grid_thw`.
  package var grids: [Grid]
  /// The reference's `pixel_values`, [patches, values of a patch], or of whole pictures [pictures, channels, rows, columns].
  ///
  /// A patch is [channel, frame, row, column]; patches come block by block, those that merge into one token together.
  package var values: [Float]
  /// Whether pictures are not cut: all their reds, then their greens and blues, each row by row.
  package var isWhole = false
  /// Values of a patch.
  package var width: Int

  /// Takes values laid out as described.
  package init(grids: [Grid], values: [Float], width: Int) {
    precondition(values.count == grids.reduce(0) { $0 + $1.count } * width, "a row of values for each patch")
    self.grids = grids
    self.values = values
    self.width = width
  }

  /// Patches in all.
  package var count: Int { grids.reduce(0) { $0 + $1.count } }

  /// The shape of `values`, outermost first.
  package var shape: [Int] {
    guard isWhole, let grid = grids.first else { return [count, width] }
    let side = Int(Double(width / 3).squareRoot().rounded())
    return [grids.count, 3, grid.rows * side, grid.columns * side]
  }
}

extension Preprocessing {
  /// To put patches into.
  private var noPatches: Patches {
    var result = Patches(grids: [], values: [], width: 3 * temporalPatchSize * patchSize * patchSize)
    result.isWhole = side != nil
    return result
  }

  /// Decodes, resizes, normalizes and cuts the pictures of files, one after the other.
  ///
  /// - Throws: what decoding throws, `unsupported` for a picture too long for its width.
  package func patches(ofFiles paths: [String]) throws(CheckpointError) -> Patches {
    var result = noPatches
    // All headers before the first pixel: a picture that cannot be used costs no work, and memory is asked for once.
    var count = 0
    for path in paths { count += try opened(path).size.pixels / (patchSize * patchSize) }
    result.values.reserveCapacity(count * result.width)
    for path in paths {
      let (file, size) = try opened(path)
      append(try file.resized(width: size.width, height: size.height, filter), to: &result)
    }
    return result
  }

  /// Resizes, normalizes and cuts one picture.
  ///
  /// - Throws: what decoding throws, `unsupported` for a picture too long for its width.
  package func patches(of file: PictureFile) throws(CheckpointError) -> Patches {
    let size = try smartSize(width: file.width, height: file.height)
    var result = noPatches
    result.values.reserveCapacity(size.width * size.height / (patchSize * patchSize) * result.width)
    append(try file.resized(width: size.width, height: size.height, filter), to: &result)
    return result
  }

  /// The patches of a picture of one colour, as large as that of a grid.
  package func patches(ofGrey sample: UInt8, grid: Patches.Grid) -> Patches {
    let (width, height) = (grid.columns * patchSize, grid.rows * patchSize)
    var result = noPatches
    let samples = [UInt8](repeating: sample, count: width * height * 3)
    append(Picture(width: width, height: height, samples: samples), to: &result)
    return result
  }

  private func opened(_ path: String) throws(CheckpointError) -> (file: PictureFile, size: Size) {
    do throws(CheckpointError) {
      let file = try PictureFile(path: path)
      let size = try smartSize(width: file.width, height: file.height)
      return (file, Size(width: size.width, height: size.height))
    } catch {
      throw error.in(file: path)
    }
  }

  private struct Size {
    var width: Int
    var height: Int
    var pixels: Int { width * height }
  }

  private func append(_ picture: Picture, to patches: inout Patches) {
    let (rows, columns) = (picture.height / patchSize, picture.width / patchSize)
    patches.grids.append(Patches.Grid(frames: 1, rows: rows, columns: columns))
    // Sample values are 256: one table a channel, divided by 255 in double as the reference does, the rest in float.
    let table = (0..<3).map { channel in
      (0..<256).map { (Float(Double($0) / 255) - mean[channel]) / deviation[channel] }
    }
    if patches.isWhole {
      for channel in 0..<3 {
        for sample in stride(from: channel, to: picture.samples.count, by: 3) {
          patches.values.append(table[channel][Int(picture.samples[sample])])
        }
      }
      return
    }
    for blockRow in stride(from: 0, to: rows, by: mergeSize) {
      for blockColumn in stride(from: 0, to: columns, by: mergeSize) {
        for row in blockRow..<blockRow + mergeSize {
          for column in blockColumn..<blockColumn + mergeSize {
            for channel in 0..<3 {
              for _ in 0..<temporalPatchSize {
                for y in row * patchSize..<(row + 1) * patchSize {
                  let start = (y * picture.width + column * patchSize) * 3 + channel
                  for x in 0..<patchSize {
                    patches.values.append(table[channel][Int(picture.samples[start + x * 3])])
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}
