import Images

/// Decodes pictures, and prepares small ones for the vision encoder.
private func preparation() throws -> FuzzTarget.Body {
  let folder = try FuzzFolder()
  var preprocessing = Preprocessing()
  preprocessing.patchSize = 2
  (preprocessing.minPixels, preprocessing.maxPixels) = (16, 1024)
  let small = preprocessing
  return { input in
    try attempt {
      let picture = try ImageDecoder.decode(input, file: "picture")
      try promise(
        picture.width > 0 && picture.height > 0 && picture.samples.count == 3 * picture.width * picture.height,
        "a picture of \(picture.width)x\(picture.height) with \(picture.samples.count) samples")
      guard picture.samples.count <= 1 << 16 else { return }
      try folder.put("picture", input)
      let patches = try small.patches(ofFiles: [folder.file("picture")])
      try promise(patches.values.count == patches.count * patches.width, "patches without values")
    }
  }
}

extension FuzzTargets {
  static let png = FuzzTarget(
    name: "png", longest: 1 << 12,
    words: ["IHDR", "PLTE", "IDAT", "IEND", "tRNS", "eXIf", "iTXt", "gAMA", "acTL", "Orientation", "\\x78\\x9c"],
    seeds: { try Seeds.fixtures("hostile/images", ending: ".png") },
    prepare: {
      let see = try preparation()
      return { input in
        try see(input)
        // Chance never finds a checksum; with right ones the damage behind them is seen.
        let sealed = withChecksums(input)
        if sealed != input { try see(sealed) }
      }
    })

  static let jpeg = FuzzTarget(
    name: "jpeg", longest: 1 << 12,
    words: [
      "\\xff\\xd8\\xff", "\\xff\\xc0", "\\xff\\xc2", "\\xff\\xc4", "\\xff\\xda", "\\xff\\xdb", "\\xff\\xdd",
      "\\xff\\xe1",
      "\\xff\\xee", "\\xff\\xd9", "\\xff\\xd0", "Exif\\x00\\x00", "II*\\x00", "MM\\x00*", "Adobe", "\\x12\\x01",
      "Orientation",
    ],
    seeds: { try Seeds.fixtures("hostile/images", ending: ".jpg") },
    prepare: { try preparation() })

  /// A PNG with the checksum of every chunk put right.
  private static func withChecksums(_ input: [UInt8]) -> [UInt8] {
    var result = input
    var place = 8
    while place + 12 <= result.count {
      let length = result[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= result.count - place - 12 else { break }
      let end = place + 8 + length
      var sum = UInt32.max
      for byte in result[place + 4..<end] {
        sum ^= UInt32(byte)
        for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
      }
      for index in 0..<4 { result[end + index] = UInt8(truncatingIfNeeded: ~sum >> UInt32(24 - 8 * index)) }
      place = end + 4
    }
    return result
  }
}
