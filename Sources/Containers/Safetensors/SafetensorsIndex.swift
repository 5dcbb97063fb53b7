import Base

/// The index of a sharded checkpoint: which file holds which tensor.
struct SafetensorsIndex {
  /// The index file's path.
  let path: String
  /// The tensors' names and their files' names, in the order of the index.
  let files: [(tensor: String, file: String)]

  /// Whether a JSON document is such an index.
  static func matches(_ document: OrderedJSON) -> Bool {
    document["weight_map"] != nil
  }

  /// Reads an index and opens all its shards.
  static func open(_ path: String) throws(CheckpointError) -> SafetensorsReader.Contents {
    var budget = MemoryBudget()
    return try SafetensorsIndex(try JSONDocument.read(path, budget: &budget), path: path).open(budget: budget)
  }

  /// Reads and validates an index.
  ///
  /// - Throws: `malformed` when `weight_map` is not an object of plain file names.
  init(_ document: OrderedJSON, path: String) throws(CheckpointError) {
    guard case .object(let map)? = document["weight_map"] else {
      throw CheckpointError(.malformed, "weight_map has to be an object of tensor and file names", file: path)
    }
    var files: [(tensor: String, file: String)] = []
    for (tensor, value) in map.entries {
      guard case .string(let name) = value else {
        throw CheckpointError(.malformed, "weight_map has to name a file", file: path, tensor: tensor)
      }
      guard Path(name).isPlain else {
        throw CheckpointError(
          .malformed, "weight_map names \(name), which is not a plain file name beside the index",
          file: path,
          tensor: tensor)
      }
      files.append((tensor, name))
    }
    guard !files.isEmpty else { throw CheckpointError(.malformed, "weight_map is empty", file: path) }
    self.path = path
    self.files = files
  }

  /// The file names, each once, in the order they first occur.
  var fileNames: [String] {
    var seen: Set<BinaryString> = []
    return files.compactMap { seen.insert(BinaryString($0.file)).inserted ? $0.file : nil }
  }

  /// Opens all shards and holds them against the index.
  ///
  /// `budget` is what the index has left; every shard's header may take all of it, and what is kept of its tensors stays taken.
  ///
  /// - Throws: `missing` for absent shards, all named at once; `mismatch` when index and shards disagree.
  func open(budget: MemoryBudget) throws(CheckpointError) -> SafetensorsReader.Contents {
    var budget = budget
    let folder = Path(path).folder
    let names = fileNames
    var absent: [String] = []
    for name in names {
      let path = folder + "/" + name
      if try !FileSystem.isFileThere(path) { absent.append(name) }
    }
    guard absent.isEmpty else {
      let list = listed(absent)
      throw CheckpointError(
        .missing,
        "\(absent.count) of \(names.count) files that the index names are missing: \(list); download them again"
          + UnfinishedDownload.hint(in: folder, of: absent[0]),
        file: path)
    }
    var contents = SafetensorsReader.Contents()
    var places: [BinaryString: BinaryString] = [:]
    for (tensor, file) in files { places[BinaryString(tensor)] = BinaryString(file) }
    for (number, name) in names.enumerated() {
      let shard = try SafetensorsReader.open(folder + "/" + name, budget: budget)
      do throws(CheckpointError) {
        try budget.take(shard.tensors.count * SafetensorsReader.tensorCost)
      } catch {
        throw error.in(file: path)
      }
      if number == 0 { contents.metadata = shard.metadata }
      for tensor in shard.tensors {
        guard let place = places.removeValue(forKey: BinaryString(tensor.name)) else {
          throw CheckpointError(
            .mismatch, "the index does not name this tensor, or it occurs in two files", file: tensor.file.path,
            tensor: tensor.name)
        }
        guard place == BinaryString(name) else {
          throw CheckpointError(
            .mismatch, "the index says this tensor is in \(place.text)", file: tensor.file.path,
            tensor: tensor.name)
        }
        contents.tensors.append(tensor)
      }
    }
    if let (tensor, file) = places.min(by: { $0.key < $1.key }) {
      throw CheckpointError(
        .mismatch, "the index says it is in \(file.text), which does not hold it (\(places.count) such)",
        file: path, tensor: tensor.text)
    }
    return contents
  }
}
